import gc
from collections.abc import Callable

import pytest
from graphql import Token
from strawberry import Schema

from session_graph.engine import documents as module
from session_graph.engine.documents import DOCUMENT, Document, Documents, InvalidRequest
from session_graph.engine.limits import MAX_CHARACTERS, Limits
from session_graph.errors import TooLarge
from session_graph.settings import Settings
from support.toy import build_toy_schema

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def schema() -> Schema:
    return build_toy_schema()


@pytest.fixture
def documents(schema: Schema, settings: Settings) -> Documents:
    return Documents(schema, Limits.of(settings))


@pytest.fixture
def refuse(documents: Documents) -> Callable[[str], list[str]]:
    def sentences(text: str) -> list[str]:
        with pytest.raises(InvalidRequest) as refused:
            documents.prepare(text)
        return [error.message for error in refused.value.errors]

    return sentences


def test_a_text_is_read_once(documents: Documents) -> None:
    first = documents.prepare("{ hello }")

    assert documents.prepare("{ hello }") is first
    assert documents.prepare("{ hello  }") is not first


def test_a_refused_text_is_read_once_and_refused_each_time(documents: Documents) -> None:
    refusals = []
    for _ in range(2):
        with pytest.raises(InvalidRequest) as refused:
            documents.prepare("{ nothing }")
        refusals.append(refused.value)

    assert refusals[0] is not refusals[1]
    assert refusals[0].errors[0] is refusals[1].errors[0]


def test_a_text_that_is_too_large_is_refused_each_time(documents: Documents) -> None:
    text = "{ " + "hello " * 21 + "}"

    for _ in range(2):
        with pytest.raises(TooLarge, match="may have 20 root fields; this one has 21"):
            documents.prepare(text)


def test_the_text_that_was_used_longest_ago_is_forgotten_first(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MIN_ENTRY_CHARACTERS", module.MAX_CACHED_CHARACTERS // 2)
    first, second = documents.prepare("{ a: hello }"), documents.prepare("{ b: hello }")

    assert documents.prepare("{ a: hello }") is first
    documents.prepare("{ c: hello }")

    assert documents.prepare("{ a: hello }") is first
    assert documents.prepare("{ b: hello }") is not second


def test_only_so_much_text_is_kept(documents: Documents) -> None:
    texts = [f"{{ {name}: hello }}".ljust(module.MAX_CACHED_TEXT) for name in (f"a{number}" for number in range(17))]
    prepared = [documents.prepare(text) for text in texts]

    kept = [documents.prepare(text) is document for text, document in list(zip(texts, prepared, strict=True))[1:]]
    assert len(texts) * module.MAX_CACHED_TEXT > module.MAX_CACHED_CHARACTERS
    assert kept == [True] * 16
    assert documents.prepare(texts[0]) is not prepared[0]


def test_what_is_not_kept_any_more_ends_without_a_search_for_cycles(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MIN_ENTRY_CHARACTERS", module.MAX_CACHED_CHARACTERS)
    documents.prepare("{ lasting: hello }")
    gc.collect()  # what validation leaves behind
    gc.disable()
    try:
        assert is_alive("lasting")

        documents.prepare("{ hello }")

        assert not is_alive("lasting")
    finally:
        gc.enable()


def is_alive(word: str) -> bool:
    return any(isinstance(each, Token) and each.value == word for each in gc.get_objects())


def test_a_long_text_is_not_kept(documents: Documents) -> None:
    short = documents.prepare("{ hello }")
    text = "{ hello }" + " " * module.MAX_CACHED_TEXT

    assert documents.prepare(text) is not documents.prepare(text)
    assert documents.prepare("{ hello }") is short


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("{ " + "hello " * 4001 + "}", "4000 tokens"),
        ("#\n" * 4001 + "{ hello }", "4000 comments"),
        (" " * MAX_CHARACTERS + "{hello}", f"{MAX_CHARACTERS} characters"),
    ],
)
def test_a_text_is_read_no_further_than_its_limits(documents: Documents, text: str, keyword: str) -> None:
    with pytest.raises(TooLarge) as refused:
        documents.prepare(text)

    assert keyword in refused.value.message


def test_limits_come_before_validation(documents: Documents) -> None:
    with pytest.raises(TooLarge):
        documents.prepare("{ " + "nothing " * 21 + "}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Syntax Error: Unexpected <EOF>."),
        ("{ hello", "Syntax Error: Expected Name, found <EOF>."),
        ("{ nothing }", "Cannot query field 'nothing' on type 'Query'."),
        ("{ ...F } fragment F on Query { ...F }", "Cannot spread fragment 'F' within itself."),
        ("{ wish(wish: {text: null}) }", "Field 'text' of type 'Maybe[str]' cannot be explicitly set to null."),
        ("{ toy(by: {}) { name } }", "OneOf Input Object type 'By', exactly one field must be specified"),
        ("{ hello @defer }", "Unknown directive '@defer'."),
        ("{ a" * 300, "Syntax Error: Document is nested too deeply."),
        ("type T { a: Int }", "The 'T' definition is not executable."),
    ],
)
def test_an_invalid_document_is_refused_by_name(refuse: Callable[[str], list[str]], text: str, sentence: str) -> None:
    assert any(sentence in message for message in refuse(text))


def test_a_null_of_a_one_of_is_told_once(refuse: Callable[[str], list[str]]) -> None:
    (message,) = refuse("{ toy(by: {id: null}) { name } }")

    assert "OneOf Input Object type 'By', exactly one field must be specified" in message


def test_errors_are_counted_and_not_all_told(refuse: Callable[[str], list[str]]) -> None:
    messages = refuse("{ toys { " + " ".join(f"f{i}" for i in range(500)) + " } }")

    assert len(messages) == module.MAX_ERRORS + 1
    assert "error limit" in messages[-1]


@pytest.mark.parametrize(("hide", "sentence"), [(False, "Did you mean 'hello'"), (True, "on type 'Query'.")])
def test_other_names_are_suggested_only_where_the_schema_says_so(settings: Settings, hide: bool, sentence: str) -> None:
    documents = Documents(build_toy_schema(hide_suggestions=hide), Limits.of(settings))

    with pytest.raises(InvalidRequest) as refused:
        documents.prepare("{ helo }")

    assert sentence in refused.value.message


TWO = "query A { hello } query B { toys { name } }"


def test_an_operation_is_chosen_by_its_name(documents: Documents) -> None:
    chosen = documents.prepare(TWO).choose_operation("B")

    assert chosen is documents.prepare(TWO).operations[1]


def test_the_only_operation_needs_no_name(documents: Documents) -> None:
    document = documents.prepare("query A { hello }")

    assert document.choose_operation(None) is document.operations[0]


@pytest.mark.parametrize(
    ("text", "name", "keyword"),
    [
        (TWO, None, "operationName"),
        (TWO, "C", "'C'"),
        ("{ hello }", "", "''"),
    ],
)
def test_an_operation_that_cannot_be_chosen_is_refused(
    documents: Documents, text: str, name: str | None, keyword: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        documents.prepare(text).choose_operation(name)

    assert keyword in refused.value.message


async def test_a_prepared_document_is_executed_as_it_is(schema: Schema, documents: Documents) -> None:
    document = documents.prepare("{ hello }")

    result = await schema.execute(None, operation_extensions={DOCUMENT: document})

    assert result.data == {"hello": "Hello world"}


async def test_only_a_document_that_was_prepared_is_executed_as_it_is(schema: Schema) -> None:
    result = await schema.execute("{ nothing }", operation_extensions={DOCUMENT: {"text": "{ hello }"}})

    assert result.errors is not None
    assert result.errors[0].message == "Cannot query field 'nothing' on type 'Query'."


def test_documents_are_equal_only_to_themselves(schema: Schema, settings: Settings) -> None:
    one, other = (Documents(schema, Limits.of(settings)).prepare("{ hello }") for _ in range(2))

    assert one != other
    assert isinstance(one, Document)
