"""The weights of a schema, by coordinate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from session_graph.engine.fields import Raw


@dataclass(frozen=True, slots=True)
class Weight:
    """What a part of the schema costs: `each` for each object that has it, `once` for each place in the operation.

    `once` is the weight of a statement, since one statement serves all objects at a place.
    """

    each: float = 0
    once: float = 0


NOTHING = Weight()


@dataclass(frozen=True, slots=True)
class ListSize:
    """How many entries a list has: the value of the first of `arguments` that is given (of a list, its length), else
    `assumed`.

    With `sized`, the size is that of the lists in these fields below. `count` finds the size from the arguments of the
    field and of the field above it; it returns None if it cannot.
    """

    assumed: int
    arguments: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()
    count: Callable[[Raw, Raw], int | None] | None = None

    def of(self, arguments: Raw, above: Raw) -> int:
        """Return the number of entries."""
        for name in self.arguments:
            value = arguments.get(name)
            if value is not None:
                return max(len(value) if isinstance(value, list) else int(value), 0)
        found = self.count(arguments, above) if self.count else None
        return self.assumed if found is None else found


@dataclass(frozen=True, slots=True)
class CostTable:
    """The weights and list sizes of a schema by schema coordinate: `Type`, `Type.field`, `Type.field(argument:)`,
    `Input.field`, `Enum.VALUE`.

    The weight of a type counts for each object of it; that of an input field or enum value wherever an argument has it,
    of a list for each entry. `value` is the weight of every other field, `meta_value` that of a field of introspection.
    `unbilled` returns, given the arguments of a field, the part of its cost that callers' budgets are not charged.
    """

    weights: Mapping[str, Weight]
    sizes: Mapping[str, ListSize]
    value: float
    meta_value: float
    unbilled: Mapping[str, Callable[[Raw], float]] = field(default_factory=dict)
