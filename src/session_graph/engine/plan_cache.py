"""A cache of what is made of a document, by operation and outcome of @skip and @include. It lives as long as that."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from session_graph.engine.documents import Document
from session_graph.engine.selection import Selection

MAX_VARIANTS = 32
"""Values that are kept for one document; one more drops them all."""

T = TypeVar("T")


class PlanCache(Generic[T]):
    """Keyed by document, operation, and the Boolean variables."""

    def __init__(self) -> None:
        self._variants: WeakKeyDictionary[Document, dict[object, T]] = WeakKeyDictionary()

    def get(self, document: Document, selection: Selection, make: Callable[[], T]) -> T:
        """Return what is kept, or else what `make` returns, which must depend on nothing else of the selection."""
        variants = self._variants.setdefault(document, {})
        key = (id(selection.operation), selection.conditions)
        if key not in variants:
            if len(variants) >= MAX_VARIANTS:
                variants.clear()
            variants[key] = make()
        return variants[key]
