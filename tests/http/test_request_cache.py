"""Prepared operations are cached by the bodies of their requests, up to a limit."""

from graphql import OperationDefinitionNode, VariableValues, parse

from session_graph.engine.documents import Document
from session_graph.engine.operation import GraphQLParams, PreparedOperation
from session_graph.http import request_cache
from session_graph.http.request_cache import MAX_BODY_BYTES, RequestCache


def prepare(text: str) -> PreparedOperation:
    node = parse(text)
    (definition,) = node.definitions
    assert isinstance(definition, OperationDefinitionNode)
    variables = VariableValues(sources={}, coerced={})
    return PreparedOperation(
        GraphQLParams(text, None, {}, {}), Document(text, node, (definition,), {}), definition, variables
    )


QUERY = prepare("{ a }")


def test_the_operation_of_the_same_body_is_found_again() -> None:
    requests = RequestCache()

    requests.keep(b"1", QUERY)

    assert requests.get(b"1") is QUERY
    assert requests.get(b"2") is None


def test_what_changes_something_is_not_kept() -> None:
    requests = RequestCache()

    requests.keep(b"1", prepare("mutation { a }"))

    assert requests.get(b"1") is None


def test_a_long_body_is_not_kept() -> None:
    requests = RequestCache()

    for length in (MAX_BODY_BYTES, MAX_BODY_BYTES + 1):
        requests.keep(b" " * length, QUERY)

    assert requests.get(b" " * MAX_BODY_BYTES)
    assert requests.get(b" " * (MAX_BODY_BYTES + 1)) is None


def test_the_one_that_was_asked_least_lately_goes_first() -> None:
    requests = RequestCache()
    for number in range(request_cache.MAX_CACHED_BYTES // request_cache.MIN_ENTRY_BYTES):
        requests.keep(b"%d" % number, QUERY)
    assert requests.get(b"0")

    requests.keep(b"more", QUERY)

    assert requests.get(b"0")
    assert requests.get(b"1") is None


def test_all_bodies_together_are_limited() -> None:
    requests = RequestCache()
    bodies = [b"%d" % number * MAX_BODY_BYTES for number in range(10)] * 20

    for number, body in enumerate(bodies):
        requests.keep(b"%06d" % number + body[: MAX_BODY_BYTES - 6], QUERY)

    kept = [requests.get(b"%06d" % number + body[: MAX_BODY_BYTES - 6]) for number, body in enumerate(bodies)]
    assert sum(prepared is not None for prepared in kept) == request_cache.MAX_CACHED_BYTES // MAX_BODY_BYTES
