"""What is made once for a document and kept as long as it is, for each operation and outcome of @skip and @include."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from session_graph.engine.documents import Document
from session_graph.engine.selection import Selection

MOST = 32
"""PlanCache that are kept of one document."""

T = TypeVar("T")


class PlanCache(Generic[T]):
    """`get` what `make` made of the same document, operation and conditions before."""

    def __init__(self, make: Callable[[Selection], T]) -> None:
        self._make = make
        self._kept: WeakKeyDictionary[Document, dict[object, T]] = WeakKeyDictionary()

    def get(self, document: Document, selection: Selection) -> T:
        variants = self._kept.setdefault(document, {})
        key = (id(selection.operation), selection.conditions)
        if key not in variants:
            if len(variants) >= MOST:
                variants.clear()
            variants[key] = self._make(selection)
        return variants[key]
