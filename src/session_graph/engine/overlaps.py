"""How often validation must compare fields with each other, counted before it does.

Fields with the same response name at one place of an operation must be able to merge (GraphQL specification, 5.3.2), so
validation compares each with each, and each fragment of a selection with each: ten kilobytes can make 75,000 pairs.
"""

from collections.abc import Iterator, Mapping, Sequence

from graphql.language import ast

MAX_PAIRS = 3000
"""A selection may name a field 77 times, or spread 77 fragments, and nothing else more than once."""


def count_pairs(operation: ast.OperationDefinitionNode, fragments: Mapping[str, ast.FragmentDefinitionNode]) -> int:
    """Return the number of pairs that validation compares; counting ends once they are more than MAX_PAIRS.

    Takes time linear in the fields of the operation. No fragment may contain itself.
    """
    pairs = 0
    unread: list[list[ast.SelectionSetNode]] = [[operation.selection_set]]
    while unread and pairs <= MAX_PAIRS:
        merged: dict[str, list[ast.FieldNode]] = {}
        seen: set[str] = set()
        for selection_set in unread.pop():
            for node in _open(selection_set, fragments, seen):
                merged.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        pairs += _pairs(len(seen)) + sum(_pairs(len(nodes)) for nodes in merged.values())
        unread += filter(None, map(_below, merged.values()))
    return pairs


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _below(nodes: Sequence[ast.FieldNode]) -> list[ast.SelectionSetNode]:
    return [node.selection_set for node in nodes if node.selection_set]


def _open(
    selection_set: ast.SelectionSetNode, fragments: Mapping[str, ast.FragmentDefinitionNode], seen: set[str]
) -> Iterator[ast.FieldNode]:
    for node in selection_set.selections:
        if isinstance(node, ast.FieldNode):
            yield node
        elif isinstance(node, ast.InlineFragmentNode):
            yield from _open(node.selection_set, fragments, seen)
        elif isinstance(node, ast.FragmentSpreadNode) and node.name.value not in seen:
            seen.add(node.name.value)
            if fragment := fragments.get(node.name.value):
                yield from _open(fragment.selection_set, fragments, seen)
