"""RequestCache are kept by the bodies of their requests, up to a limit."""

from graphql import OperationDefinitionNode, VariableValues, parse

from session_graph.engine import operation
from session_graph.engine.documents import Document
from session_graph.engine.operation import MAX_KEPT_BODY, PreparedOperation, RequestCache
from session_graph.http.request import GraphQLParams


def question_of(text: str) -> PreparedOperation:
    node = parse(text)
    (definition,) = node.definitions
    assert isinstance(definition, OperationDefinitionNode)
    variables = VariableValues(sources={}, coerced={})
    return PreparedOperation(
        GraphQLParams(text, None, {}, {}), Document(text, node, (definition,), {}), definition, variables
    )


QUERY = question_of("{ a }")


def test_the_question_of_the_same_body_is_recalled() -> None:
    requests = RequestCache()

    requests.keep(b"1", QUERY)

    assert requests.get(b"1") is QUERY
    assert requests.get(b"2") is None


def test_what_changes_something_is_not_kept() -> None:
    requests = RequestCache()

    requests.keep(b"1", question_of("mutation { a }"))

    assert requests.get(b"1") is None


def test_a_long_body_is_not_kept() -> None:
    requests = RequestCache()

    for length in (MAX_KEPT_BODY, MAX_KEPT_BODY + 1):
        requests.keep(b" " * length, QUERY)

    assert requests.get(b" " * MAX_KEPT_BODY)
    assert requests.get(b" " * (MAX_KEPT_BODY + 1)) is None


def test_the_one_that_was_asked_least_lately_goes_first() -> None:
    requests = RequestCache()
    for number in range(operation.MAX_KEPT):
        requests.keep(b"%d" % number, QUERY)
    assert requests.get(b"0")

    requests.keep(b"more", QUERY)

    assert requests.get(b"0")
    assert requests.get(b"1") is None


def test_all_bodies_together_are_limited() -> None:
    requests = RequestCache()
    bodies = [b"%d" % number * MAX_KEPT_BODY for number in range(10)] * 20

    for number, body in enumerate(bodies):
        requests.keep(b"%06d" % number + body[: MAX_KEPT_BODY - 6], QUERY)

    kept = [requests.get(b"%06d" % number + body[: MAX_KEPT_BODY - 6]) for number, body in enumerate(bodies)]
    assert sum(prepared is not None for prepared in kept) == operation.MAX_KEPT_BYTES // MAX_KEPT_BODY
