"""GraphQL types with backed fields: read from a row, a model or a mapping only when they are selected."""

from operator import attrgetter
from typing import Any, ClassVar
from uuid import UUID

import strawberry


def backed(description: str) -> Any:
    """Make a backed field."""
    field = strawberry.field(description=description)
    field.init = False
    return field


def declare(cls: type, name: str, annotation: Any, description: str) -> None:
    """Add a backed field to a class before it becomes a Strawberry type."""
    cls.__annotations__[name] = annotation
    setattr(cls, name, backed(description))


class RowBacked:
    """Reads its backed fields from the object at the attribute path `backed_by`: by item or, for a model, by attribute.

    UUIDs become text. `preformatted` says that the database formats the values as GraphQL does.
    """

    backed_by: ClassVar[str]
    by_item: ClassVar[bool] = True
    preformatted: ClassVar[bool] = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        source = attrgetter(self.backed_by)(self)
        value = source[name] if self.by_item else getattr(source, name)
        return str(value) if isinstance(value, UUID) else value
