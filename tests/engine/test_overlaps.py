"""Documents that would keep validation busy for seconds are refused before it begins, with a sentence that says why."""

from collections.abc import Mapping
from time import process_time

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from session_graph.engine.documents import Documents, InvalidRequest
from session_graph.engine.limits import Limits
from session_graph.engine.overlaps import MAX_PAIRS, count_pairs
from session_graph.errors import TooLarge
from session_graph.schema.schema import build_schema
from session_graph.settings import load_settings

SCHEMA = build_schema()
LIMITS = Limits.of(load_settings())


def pairs(text: str) -> int:
    document = parse(text)
    fragments: Mapping[str, FragmentDefinitionNode] = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    (operation,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return count_pairs(operation, fragments)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ a b c }", 0),
        ("{ a a a }", 3),
        ("{ x: a x: a y: a }", 1),
        ("{ a { b } a { b } }", 2),
        ("{ a { b b } a { b } }", 4),
        ("{ a ... { a ... { a } } }", 3),
        ("{ ...F ...F a } fragment F on T { a }", 1),
        ("{ ...F ...G } fragment F on T { a } fragment G on T { b }", 1),
        ("{ a { ...F } a { ...F } } fragment F on T { b }", 1),
    ],
)
def test_the_pairs_are_those_that_merge_at_one_place(text: str, expected: int) -> None:
    assert pairs(text) == expected


def test_counting_ends_once_there_are_too_many() -> None:
    assert pairs("{ " + "a " * 1000 + "}") > MAX_PAIRS


def spread(count: int, fields: str) -> str:
    names = [f"F{number}" for number in range(count)]
    fragments = " ".join(f"fragment {name} on Session {{ {fields} }}" for name in names)
    return f"{{ sessions {{ nodes {{ {' '.join(f'...{name}' for name in names)} }} }} }} {fragments}"


NESTED = "agent{sessions{nodes{id}}} "
REPEATED = {
    "agents": "{sessions{nodes{" + NESTED * 390 + "}}}",
    "edges": "{sessions{" + "edges{node{id}}" * 490 + "}}",
    "inline fragments": "{sessions{nodes{" + "...{agent{...{id}}}" * 390 + "}}}",
    "leaves": "{sessions{nodes{" + "id " * 1900 + "}}}",
    "roots": "{" + " ".join(f"a{number}:sessions{{{'nodes{id}' * 40}}}" for number in range(20)) + "}",
    "fragments": spread(290, "id"),
}


@pytest.mark.parametrize("name", REPEATED)
def test_repeated_fields_are_refused_before_they_are_compared(name: str) -> None:
    documents = Documents(SCHEMA, LIMITS)
    began = process_time()

    with pytest.raises(TooLarge, match=r"the same response name.*3,000 pairs"):
        documents.prepare(REPEATED[name])

    assert process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{sessions{nodes{id}}} fragment F on Session{" + NESTED * 390 + "}", "Fragment 'F' is never used."),
        ("{sessions{nodes{...F}}} fragment F on Session{...F " + NESTED * 380 + "}", "within itself"),
    ],
)
def test_fragments_that_no_rule_may_measure_are_refused_first(text: str, message: str) -> None:
    documents = Documents(SCHEMA, LIMITS)
    began = process_time()

    with pytest.raises(InvalidRequest, match=message):
        documents.prepare(text)

    assert process_time() - began < 0.5


def test_a_document_has_a_limit_of_operations() -> None:
    documents = Documents(SCHEMA, LIMITS)

    documents.prepare(" ".join(f"query Q{number} {{ viewer {{ role }} }}" for number in range(50)))
    with pytest.raises(TooLarge, match="may have 50 operations; this one has 51"):
        documents.prepare(" ".join(f"query Q{number} {{ viewer {{ role }} }}" for number in range(51)))


@pytest.mark.parametrize("text", [spread(50, "id"), "{sessions{" + "nodes{id}" * 30 + "}}"])
def test_what_clients_generate_is_valid(text: str) -> None:
    Documents(SCHEMA, LIMITS).prepare(text)
