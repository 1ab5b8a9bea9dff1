"""GraphQL documents: parsed, measured and validated once for each text."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoFragmentCyclesRule,
    NoUnusedFragmentsRule,
    ObjectValueNode,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)
from strawberry import Schema
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from session_graph.engine.internals import graphql_schema, mark_one_of
from session_graph.engine.limits import MAX_CHARACTERS, MAX_ESCAPES, Limits, check_size
from session_graph.errors import BadUserInput, SessionGraphError, TooLarge

MAX_CACHED_CHARACTERS = 512 * 1024
"""The total length of cached texts. A document takes 50 to 300 bytes of memory for each character of its text."""
MAX_CACHED_TEXT = 32 * 1024
"""Longer texts are not cached: frontends send short texts again and again, long ones once."""
MIN_ENTRY_CHARACTERS = 512
"""Shorter texts count as this many characters, so that at most 1,024 are cached."""
MAX_ERRORS = 20

DOCUMENT = "session_graph.document"
"""The operation extension in which `PreparedDocument` finds the Document."""


class MaybeNullRule(MaybeNullValidationRule):
    """Strawberry's rule that an optional field is not null, except in @oneOf types, which graphql-core checks."""

    def validate_maybe_fields(self, node: ObjectValueNode, input_type: GraphQLNamedType, strawberry_type: Any) -> None:
        if not strawberry_type.is_one_of:
            super().validate_maybe_fields(node, input_type, strawberry_type)


RULES = (*specified_rules, MaybeNullRule)
"""Strawberry's own rule for @oneOf (`strawberry.schema.schema.validate_document`) is left out: see `mark_one_of`."""

FRAGMENT_RULES = (NoFragmentCyclesRule, NoUnusedFragmentsRule)
"""Each refuses a document whose fragments cannot be measured; the other rules could take seconds for it."""

_ENUM = re.compile(r"does not exist in '(\w+)' enum\.|Enum '(\w+)' cannot represent non-enum value:")


class InvalidRequest(SessionGraphError):
    """The document, the name of its operation, its variables or its arguments are invalid.

    `errors` are the request errors of the GraphQL specification (section 7.1.2). Their `extensions.path`, if they have
    it, leads from an argument to the wrong value.
    """

    status = BadUserInput.status

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
        mark_one_of(self._schema)
        self._hide_suggestions = schema.config.disable_field_suggestions
        self._limits = limits
        self._outcomes: LRUCache[str, tuple[_Outcome, int]] = LRUCache(MAX_CACHED_CHARACTERS, itemgetter(1))

    def __contains__(self, text: str) -> bool:
        """Return whether the cache has the text, so that it need not be parsed."""
        return text in self._outcomes

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
        rules = RULES if check_size(node, self._limits) else FRAGMENT_RULES
        errors = validate(self._schema, node, rules, MAX_ERRORS, hide_suggestions=self._hide_suggestions)
        if errors:
            raise InvalidRequest(explain_enums(self._schema, errors))
        return Document(
            text,
            node,
            tuple(part for part in node.definitions if isinstance(part, OperationDefinitionNode)),
            {part.name.value: part for part in node.definitions if isinstance(part, FragmentDefinitionNode)},
        )


def explain_enums(schema: GraphQLSchema, errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """Add the values of the enum to each error about a value that an enum does not have."""
    return [_list_values(schema, error) for error in errors]


def _list_values(schema: GraphQLSchema, error: GraphQLError) -> GraphQLError:
    named = _ENUM.search(error.message)
    type_ = schema.type_map.get(named[1] or named[2]) if named else None
    if not isinstance(type_, GraphQLEnumType):
        return error
    message = f"{error.message} Its values are {', '.join(type_.values)}."
    return GraphQLError(message, error.nodes, original_error=error.original_error, extensions=error.extensions)


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
    if (escapes := text.count("\\")) > MAX_ESCAPES:
        raise TooLarge(
            f"A document may have {MAX_ESCAPES} backslashes; this one has {escapes}. Send texts as variables."
        )
    try:
        return parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
    except GraphQLSyntaxError as error:
        if error.description.startswith("Document contains more than"):
            noun = "comments" if " comments." in error.description else "tokens"
            raise TooLarge(f"A document may have {limits.tokens} {noun}; this one has more.") from None
        raise InvalidRequest([error.with_traceback(None)]) from None
