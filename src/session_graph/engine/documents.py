"""GraphQL documents: parsed, measured and validated once for each text."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry import Schema
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import MAX_CHARACTERS, Limits, check_size
from session_graph.errors import SessionGraphError, TooLarge

MAX_CACHED_CHARACTERS = 512 * 1024
"""The total length of cached texts. A document takes 50 to 300 bytes of memory for each character of its text."""
MAX_CACHED_TEXT = 32 * 1024
"""Longer texts are not cached: frontends send short texts again and again, long ones once."""
MIN_ENTRY_CHARACTERS = 512
"""Shorter texts count as this many characters, so that at most 1,024 are cached."""
MAX_ERRORS = 20

DOCUMENT = "session_graph.document"
"""The operation extension in which `PreparedDocument` finds the Document."""

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
"""The rules that Strawberry validates with (`strawberry.schema.schema.validate_document`)."""


class InvalidRequest(SessionGraphError):
    """The document, the name of its operation or its variables are invalid.

    `errors` are the request errors of the GraphQL specification (section 7.1.2), with graphql-core's messages.
    """

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Document:
    """A valid document. Equal only to itself, so that caches can be keyed by it."""

    text: str
    node: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]
    fragments: Mapping[str, FragmentDefinitionNode]

    def choose_operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation of this name, or the only one (GraphQL specification, 6.1). Raises InvalidRequest."""
        if name is None:
            if len(self.operations) == 1:
                return self.operations[0]
            raise InvalidRequest([GraphQLError("The document has several operations; operationName must name one.")])
        for operation in self.operations:
            if operation.name and operation.name.value == name:
                return operation
        raise InvalidRequest([GraphQLError(f"The document has no operation named '{name}'.")])


class PreparedDocument(SchemaExtension):
    """Lets `schema.execute(None, operation_extensions={DOCUMENT: document}, …)` execute a Document without parsing it.

    Tests and scripts can still pass a text, which Strawberry parses and validates.
    """

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        document = (context.operation_extensions or {}).get(DOCUMENT)
        if isinstance(document, Document):
            context.graphql_document = document.node
            context.pre_execution_errors = []
        yield


class Documents:
    """A cache of documents and refusals by text (least recently used first out), for one schema and its limits."""

    def __init__(self, schema: Schema, limits: Limits) -> None:
        self._schema = graphql_schema(schema)
        self._hide_suggestions = schema.config.disable_field_suggestions
        self._limits = limits
        self._outcomes: LRUCache[str, tuple[_Outcome, int]] = LRUCache(MAX_CACHED_CHARACTERS, itemgetter(1))

    def prepare(self, text: str) -> Document:
        """Return the document of this text. Raises InvalidRequest (syntax, validation) and TooLarge."""
        entry = self._outcomes.get(text)
        outcome = entry[0] if entry else self._try_read(text)
        if entry is None and len(text) <= MAX_CACHED_TEXT:
            self._outcomes[text] = outcome, max(len(text), MIN_ENTRY_CHARACTERS)
        if isinstance(outcome, Document):
            return outcome
        raise outcome()

    def _try_read(self, text: str) -> "_Outcome":
        try:
            return self._read(text)
        except InvalidRequest as error:
            return partial(InvalidRequest, error.errors)
        except TooLarge as error:
            return partial(TooLarge, error.message)

    def _read(self, text: str) -> Document:
        node = _parse(text, self._limits)
        _unlink_tokens(node)
        check_size(node, self._limits)
        errors = validate(self._schema, node, RULES, MAX_ERRORS, hide_suggestions=self._hide_suggestions)
        if errors:
            raise InvalidRequest(errors)
        return Document(
            text,
            node,
            tuple(part for part in node.definitions if isinstance(part, OperationDefinitionNode)),
            {part.name.value: part for part in node.definitions if isinstance(part, FragmentDefinitionNode)},
        )


_Outcome = Document | Callable[[], SessionGraphError]
"""A document, or a maker of its error: one exception raised twice would keep the frames of the first time."""


def _unlink_tokens(node: DocumentNode) -> None:
    """Break the cycle of linked tokens, so that reference counting alone frees the document."""
    token = node.loc.start_token if node.loc else None
    while token:
        token.prev, token = None, token.next


def _parse(text: str, limits: Limits) -> DocumentNode:
    """Parse the text, and stop at the limit of tokens. Raises InvalidRequest and TooLarge."""
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"A document may have {MAX_CHARACTERS} characters; this one has {len(text)}.")
    try:
        return parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
    except GraphQLSyntaxError as error:
        if error.description.startswith("Document contains more than"):
            noun = "comments" if " comments." in error.description else "tokens"
            raise TooLarge(f"A document may have {limits.tokens} {noun}; this one has more.") from None
        raise InvalidRequest([error.with_traceback(None)]) from None
