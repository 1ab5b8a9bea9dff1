"""Questions are kept by the bodies of their requests, up to a limit."""

from graphql import OperationDefinitionNode, VariableValues, parse

from session_graph.engine import operation
from session_graph.engine.documents import Document
from session_graph.engine.operation import MAX_KEPT_BODY, Question, Questions
from session_graph.http.request import GraphQLParams


def question_of(text: str) -> Question:
    node = parse(text)
    (definition,) = node.definitions
    assert isinstance(definition, OperationDefinitionNode)
    variables = VariableValues(sources={}, coerced={})
    return Question(GraphQLParams(text, None, {}, {}), Document(text, node, (definition,), {}), definition, variables)


QUERY = question_of("{ a }")


def test_the_question_of_the_same_body_is_recalled() -> None:
    questions = Questions()

    questions.keep(b"1", QUERY)

    assert questions.recall(b"1") is QUERY
    assert questions.recall(b"2") is None


def test_what_changes_something_is_not_kept() -> None:
    questions = Questions()

    questions.keep(b"1", question_of("mutation { a }"))

    assert questions.recall(b"1") is None


def test_a_long_body_is_not_kept() -> None:
    questions = Questions()

    for length in (MAX_KEPT_BODY, MAX_KEPT_BODY + 1):
        questions.keep(b" " * length, QUERY)

    assert questions.recall(b" " * MAX_KEPT_BODY)
    assert questions.recall(b" " * (MAX_KEPT_BODY + 1)) is None


def test_the_one_that_was_asked_least_lately_goes_first() -> None:
    questions = Questions()
    for number in range(operation.MAX_KEPT):
        questions.keep(b"%d" % number, QUERY)
    assert questions.recall(b"0")

    questions.keep(b"more", QUERY)

    assert questions.recall(b"0")
    assert questions.recall(b"1") is None


def test_all_bodies_together_are_limited() -> None:
    questions = Questions()
    bodies = [b"%d" % number * MAX_KEPT_BODY for number in range(10)] * 20

    for number, body in enumerate(bodies):
        questions.keep(b"%06d" % number + body[: MAX_KEPT_BODY - 6], QUERY)

    kept = [questions.recall(b"%06d" % number + body[: MAX_KEPT_BODY - 6]) for number, body in enumerate(bodies)]
    assert sum(question is not None for question in kept) == operation.MAX_KEPT_BYTES // MAX_KEPT_BODY
