"""The limits of documents, checked before validation, so that a huge document costs no time there; and of answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from graphql.language import ast

from session_graph.engine.overlaps import MAX_PAIRS, count_pairs
from session_graph.errors import TooLarge
from session_graph.settings import Settings

MAX_CHARACTERS = 64 * 1024
"""The maximum length of a document. Names and punctuation need far less; long values belong into variables."""
MAX_ESCAPES = 4000
"""The maximum number of backslashes in a document: to parse one takes ten times as long as another character."""

MAX_OPERATIONS = 50
MAX_VALUES = 20_000
"""The maximum number of values in the variables of an operation, but for those whose type is declared as a bulk."""
MAX_ENTRIES = 20_000
"""The maximum length of a list in the variables."""
MAX_OBJECTS = 2_000
"""The maximum number of objects and lists in a list or an object of the variables, and of fields in an object, but for
a bulk: to coerce an object takes much longer than to coerce a text."""
MAX_NESTING = 64
"""The maximum number of lists and objects within each other in the variables."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The maximum of each; tokens are counted in the whole document, everything else in each operation.

    An answer has at most `answer_bytes`, and a query runs at most for `query_seconds`.
    """

    tokens: int
    depth: int
    fields: int
    aliases: int
    directives: int
    root_fields: int
    answer_bytes: int
    query_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(
            tokens=settings.max_tokens,
            depth=settings.max_depth,
            fields=settings.max_fields,
            aliases=settings.max_aliases,
            directives=settings.max_directives,
            root_fields=settings.max_root_fields,
            answer_bytes=settings.max_answer_bytes,
            query_seconds=settings.query_timeout_ms / 1000,
        )


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a selection, with each fragment counted as often as it is spread. The names are those of `Limits`."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0


NOUNS = {
    "root_fields": "root fields",
    "depth": "levels of selection",
    "fields": "fields",
    "aliases": "aliases",
    "directives": "directives",
}


def check_answer(size: int, limit: int) -> None:
    """Raise TooLarge if an answer of `size` bytes, or a part of it, is too large."""
    if size > limit:
        raise TooLarge(f"An answer may have {limit:,} bytes; this one has more. Ask for smaller pages or fewer fields.")


def check_size(document: ast.DocumentNode, limits: Limits) -> bool:
    """Raise TooLarge if an operation exceeds a limit. Takes time linear in the text, however fragments are nested.

    Return False, and leave it to validation, if a fragment contains itself or no operation uses it: neither is
    measured.
    """
    operations = [node for node in document.definitions if isinstance(node, ast.OperationDefinitionNode)]
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, ast.FragmentDefinitionNode)}
    spreads = {name: _find_spreads(node.selection_set) for name, node in fragments.items()}
    try:
        sizes = _measure_fragments(fragments, spreads)
    except CycleError:
        return False
    measured = [_measure_operation(node, sizes) for node in operations]
    for size in measured:
        _compare(size, limits)
    _check_number("operations", len(operations), MAX_OPERATIONS)
    _check_number("fields in all its operations", sum(size.fields for size in measured), 2 * limits.fields)
    pairs = sum(count_pairs(node, fragments) for node in operations)
    if pairs > MAX_PAIRS:
        raise TooLarge(
            "Too many fields of a selection have the same response name, or too many fragments are spread in one: they"
            f" make more than the {MAX_PAIRS:,} pairs that may be compared. Select each field once."
        )
    return fragments.keys() <= _find_used(operations, spreads)


def check_variables(variables: Mapping[str, object], bulks: Mapping[str, int]) -> int:
    """Return how many values the variables have, those in lists and objects included. Raises TooLarge.

    `bulks` has the maximum number of values of each variable that is a bulk; all others together have MAX_VALUES.
    """
    if not bulks:
        return _count_values(variables.values(), MAX_VALUES, MAX_OBJECTS)
    count = _count_values([value for name, value in variables.items() if name not in bulks], MAX_VALUES, MAX_OBJECTS)
    for name, limit in bulks.items():
        if name in variables:
            count += _count_values([variables[name]], limit, MAX_ENTRIES)
    return count


def _count_values(values: Collection[Any], limit: int, max_objects: int) -> int:
    count, depth, level = len(values), 1, _find_containers(values)
    while level:
        below: list[Collection[Any]] = []
        for each in level:
            length, is_list = len(each), isinstance(each, list)
            count += length
            inner = _find_containers(each if is_list else each.values())  # type: ignore[attr-defined]
            _compare_length("A list" if is_list else "An object", length, MAX_ENTRIES if is_list else max_objects)
            _compare_length("A list or object", len(inner), max_objects, "objects")
            below += inner
        depth += 1
        if depth > MAX_NESTING and below:
            raise TooLarge(f"Variables may have {MAX_NESTING} lists and objects within each other; these have more.")
        level = below
    if count > limit:
        raise TooLarge(f"The variables of this operation may have {limit:,} values in all; these have {count:,}.")
    return count


def _find_containers(values: Collection[Any]) -> list[Collection[Any]]:
    return [value for value in values if isinstance(value, list | dict)]


def _compare_length(container: str, length: int, limit: int, noun: str = "entries") -> None:
    if length > limit:
        raise TooLarge(f"{container} in the variables may have {limit:,} {noun}; this one has {length:,}.")


def _check_number(noun: str, count: int, limit: int) -> None:
    if count > limit:
        raise TooLarge(f"A document may have {limit:,} {noun}; this one has {count:,}.")


def _find_used(operations: Sequence[ast.OperationDefinitionNode], spreads: Mapping[str, set[str]]) -> set[str]:
    used: set[str] = set()
    unread = [name for node in operations for name in _find_spreads(node.selection_set)]
    while unread:
        name = unread.pop()
        if name not in used:
            used.add(name)
            unread += spreads.get(name, ())
    return used


def _compare(size: Size, limits: Limits) -> None:
    for name, noun in NOUNS.items():
        limit, count = getattr(limits, name), getattr(size, name)
        if count > limit:
            actual = f"{count}" if count < 10**9 else "a billion or more"
            raise TooLarge(f"An operation may have {limit} {noun}; this one has {actual}.")


def _measure_fragments(
    nodes: Mapping[str, ast.FragmentDefinitionNode], spreads: Mapping[str, set[str]]
) -> Mapping[str, Size]:
    """Return the size of each fragment by name. Raises CycleError."""
    sizes: dict[str, Size] = {}
    for name in TopologicalSorter(spreads).static_order():
        if name in nodes:
            sizes[name] = _measure(nodes[name].selection_set, sizes)
    return sizes


def _find_spreads(selection_set: ast.SelectionSetNode) -> set[str]:
    names: set[str] = set()
    unread = [selection_set]
    while unread:
        for selection in unread.pop().selections:
            if isinstance(selection, ast.FragmentSpreadNode):
                names.add(selection.name.value)
            elif inner := _inner(selection):
                unread.append(inner)
    return names


def _measure_operation(node: ast.OperationDefinitionNode, fragments: Mapping[str, Size]) -> Size:
    size = _measure(node.selection_set, fragments)
    directives = _count(node.directives) + sum(_count(each.directives) for each in node.variable_definitions or ())
    return Size(size.depth, size.fields, size.aliases, size.directives + directives, size.root_fields)


def _measure(selection_set: ast.SelectionSetNode, fragments: Mapping[str, Size]) -> Size:
    """Measure recursively, which is safe: the parser refuses selections nested deeper than 200."""
    depth = fields = aliases = directives = root_fields = 0
    for selection in selection_set.selections:
        if isinstance(selection, ast.FragmentSpreadNode):
            size = fragments.get(selection.name.value, Size())
        else:
            inner = _inner(selection)
            size = _measure(inner, fragments) if inner else Size()
        is_field = isinstance(selection, ast.FieldNode)
        depth = max(depth, size.depth + is_field)
        fields += size.fields + is_field
        aliases += size.aliases + (isinstance(selection, ast.FieldNode) and selection.alias is not None)
        directives += size.directives + _count(selection.directives)
        root_fields += 1 if is_field else size.root_fields
    return Size(depth, fields, aliases, directives, root_fields)


def _count(nodes: Sequence[ast.Node] | None) -> int:
    return len(nodes) if nodes else 0


def _inner(selection: ast.SelectionNode) -> ast.SelectionSetNode | None:
    inner: ast.SelectionSetNode | None = getattr(selection, "selection_set", None)
    return inner
