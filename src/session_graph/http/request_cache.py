"""The requests that were prepared lately, by the bytes of their body."""

from operator import itemgetter

from cachetools import LRUCache
from graphql import OperationType

from session_graph.engine.operation import PreparedOperation

MAX_CACHED_BYTES = 1024 * 1024
"""Of all bodies that the request cache keeps."""
MAX_BODY_BYTES = 8 * 1024
"""A longer body is not kept."""
MIN_ENTRY_BYTES = 1024
"""A shorter body counts as this many bytes, so that at most 1,024 are kept."""


class RequestCache:
    """The latest queries by the body of their request: frontends send the same bodies again and again.

    Mutations are not kept, since they are hardly ever sent twice.
    """

    def __init__(self) -> None:
        self._operations: LRUCache[bytes, tuple[PreparedOperation, int]] = LRUCache(MAX_CACHED_BYTES, itemgetter(1))

    def get(self, body: bytes) -> PreparedOperation | None:
        """Return what this very body was prepared as, if it is kept."""
        entry = self._operations.get(body)
        return entry and entry[0]

    def keep(self, body: bytes, prepared: PreparedOperation) -> None:
        """Keep a query of at most MAX_BODY_BYTES, in the place of those that were used longest ago."""
        if len(body) <= MAX_BODY_BYTES and prepared.definition.operation is OperationType.QUERY:
            self._operations[body] = prepared, max(len(body), MIN_ENTRY_BYTES)
