from dataclasses import replace
from time import perf_counter

import pytest
from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, SelectionSetNode, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from session_graph.engine.limits import NOUNS, Limits, Size, check_size
from session_graph.errors import TooLarge
from session_graph.settings import Settings

WIDE = Limits(
    tokens=10**9,
    depth=10**9,
    fields=10**9,
    aliases=10**9,
    directives=10**9,
    root_fields=10**9,
    answer_bytes=10**9,
    query_seconds=10,
)

EXACTLY = [
    ("depth", 1, "{ a }"),
    ("depth", 3, "{ a { b c { d } } }"),
    ("depth", 2, "{ a { ... { ... { b } } } }"),
    ("depth", 4, "{ a { ...F } } fragment F on T { b { ...G } } fragment G on T { c { d } }"),
    ("fields", 4, "{ a { b c } d }"),
    ("fields", 7, "{ a { ...F ...F } ... { ...F } } fragment F on T { b c }"),
    ("fields", 2, "query A { a b } query B { a }"),
    ("aliases", 1, "{ x: a b }"),
    ("aliases", 3, "{ ...F ...F x: a } fragment F on T { y: b }"),
    ("directives", 4, "query ($v: Int @d) @d { a @d ... @d { b } }"),
    ("directives", 3, "{ ...F @d ...F } fragment F on T { a @d }"),
    ("root_fields", 2, "{ a { b c d } e }"),
    ("root_fields", 6, "{ a ...F ... on T { b ...F } } fragment F on T { c d { e } }"),
]


def only(name: str, limit: int) -> Limits:
    return replace(WIDE, **{name: limit})


@pytest.mark.parametrize(("name", "count", "text"), EXACTLY)
def test_a_limit_lets_pass_what_it_names_and_refuses_one_more(name: str, count: int, text: str) -> None:
    document = parse(text)

    check_size(document, only(name, count))
    with pytest.raises(TooLarge) as refused:
        check_size(document, only(name, count - 1))

    assert f"{count - 1} {NOUNS[name]}" in refused.value.message
    assert str(count) in refused.value.message


def test_fragments_that_double_each_other_cost_no_time() -> None:
    chain = " ".join(f"fragment F{i} on T {{ a {{ ...F{i + 1} ...F{i + 1} }} }}" for i in range(200))
    document = parse(f"{{ ...F0 }} {chain} fragment F200 on T {{ a }}")
    started = perf_counter()

    with pytest.raises(TooLarge, match="this one has a billion or more"):
        check_size(document, only("fields", 2000))

    assert perf_counter() - started < 1


def test_a_long_chain_of_fragments_is_measured() -> None:
    chain = " ".join(f"fragment F{i} on T {{ a {{ ...F{i + 1} }} }}" for i in range(3000))

    with pytest.raises(TooLarge, match="this one has 3001"):
        check_size(parse(f"{{ ...F0 }} {chain} fragment F3000 on T {{ a }}"), only("depth", 16))


@pytest.mark.parametrize("text", ["{ ...F } fragment F on T { a { ...F } }", "{ a ...Unknown }"])
def test_what_validation_refuses_is_left_to_it(text: str) -> None:
    check_size(parse(text), WIDE)


def test_the_introspection_of_every_tool_fits_the_defaults(settings: Settings) -> None:
    text = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )

    check_size(parse(text), Limits.of(settings))


@st.composite
def documents(draw: st.DrawFn) -> DocumentNode:
    """A query over a few fragments, each of which spreads only later ones."""
    count = draw(st.integers(0, 4))
    texts = [f"fragment F{i} on T {draw(selections(i + 1, count))}" for i in range(count)]
    return parse(" ".join([draw(selections(0, count)), *texts]))


@st.composite
def selections(draw: st.DrawFn, first: int, end: int, depth: int = 0) -> str:
    leaves = [
        "a",
        "b",
        "x: a",
        "a @d",
        *(f"...F{i}" for i in range(first, end)),
        *(f"...F{i} @d" for i in range(first, end)),
    ]
    parts = draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=3))
    if depth < 3:
        inner = draw(st.lists(selections(first, end, depth + 1), max_size=2))
        parts += [draw(st.sampled_from(["a", "y: b", "...", "... @d"])) + " " + text for text in inner]
    return "{ " + " ".join(parts) + " }"


def spell_out(
    node: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], depth: int = 1
) -> list[tuple[int, str]]:
    """Every field, alias and directive by its depth, with each fragment written out where it is spread."""
    found: list[tuple[int, str]] = []
    for selection in node.selections:
        found += [(depth, "directive")] * len(selection.directives or ())
        if isinstance(selection, FieldNode):
            found += [(depth, "field"), *([(depth, "alias")] if selection.alias else [])]
            found += spell_out(selection.selection_set, fragments, depth + 1) if selection.selection_set else []
        else:
            inner = getattr(selection, "selection_set", None) or fragments[selection.name.value].selection_set  # type: ignore[attr-defined]
            found += spell_out(inner, fragments, depth)
    return found


@given(documents())
def test_a_size_is_that_of_the_document_with_its_fragments_written_out(document: DocumentNode) -> None:
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    found = spell_out(document.definitions[0].selection_set, fragments)  # type: ignore[attr-defined]
    kinds = [kind for _, kind in found]
    size = Size(
        depth=max(depth for depth, _ in found),
        fields=kinds.count("field"),
        aliases=kinds.count("alias"),
        directives=kinds.count("directive"),
        root_fields=found.count((1, "field")),
    )

    for name in NOUNS:
        check_size(document, only(name, getattr(size, name)))
        if getattr(size, name):
            with pytest.raises(TooLarge):
                check_size(document, only(name, getattr(size, name) - 1))
