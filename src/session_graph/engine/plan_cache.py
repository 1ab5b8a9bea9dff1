"""A cache of values computed from documents, for each operation and outcome of @skip and @include."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from session_graph.engine.documents import Document
from session_graph.engine.selection import Selection

MAX_VARIANTS = 32
"""The maximum number of values of one document; one more clears them all."""

T = TypeVar("T")


class PlanCache(Generic[T]):
    """Caches by document, operation and Boolean variables, for as long as the document lives."""

    def __init__(self) -> None:
        self._variants: WeakKeyDictionary[Document, dict[object, T]] = WeakKeyDictionary()

    def get(self, document: Document, selection: Selection, make: Callable[[], T]) -> T:
        """Return the cached value, or call `make`, whose result must depend on nothing but the key."""
        variants = self._variants.setdefault(document, {})
        key = (id(selection.operation), selection.conditions)
        if key not in variants:
            if len(variants) >= MAX_VARIANTS:
                variants.clear()
            variants[key] = make()
        return variants[key]
