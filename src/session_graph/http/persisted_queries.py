"""Automatic persisted queries, by Apollo's protocol: a client sends a document's SHA-256 in place of its text.

    "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "…"}}

If the hash is unknown, the client sends it once more with the text, which registers the document. Each process has its
own registry, in memory: a client must be ready to register again at any time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

from cachetools import LRUCache

from session_graph.engine.operation import GraphQLParams
from session_graph.errors import BadUserInput, RequestError

MAX_REGISTERED_CHARACTERS = 4 * 1024 * 1024
"""Of the texts of all accounts."""
MAX_ACCOUNT_CHARACTERS = 512 * 1024
"""Of the texts of one account."""
MIN_TEXT_CHARACTERS = 1024
"""A shorter text counts as this many characters, so that an account has at most 512 texts."""

_HASH = re.compile("[0-9a-f]{64}", re.ASCII | re.IGNORECASE)


class PersistedQueryNotFound(RequestError):
    """No document is registered under this hash."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")  # Apollo's protocol: clients may compare the message


@dataclass(frozen=True, slots=True)
class HashedParams(GraphQLParams):
    """Parameters with a document's hash, in lower case. `query` is empty if the client sent the hash only."""

    sha256: str


def find_hash(fields: Mapping[str, object], extensions: Mapping[str, object]) -> str | None:
    """Return the hash that a request names by `persistedQuery` or, without a query, by `documentId`.

    Raises BadUserInput if it is malformed.
    """
    persisted = extensions.get("persistedQuery")
    if persisted is not None:
        if not isinstance(persisted, dict) or persisted.get("version") != 1:
            raise BadUserInput('"persistedQuery" must be an object whose "version" is 1.')
        return _parse_hash(persisted.get("sha256Hash"), "sha256Hash")
    document_id = fields.get("documentId")
    if document_id is None or fields.get("query") is not None:
        return None
    return _parse_hash(document_id.removeprefix("sha256:") if isinstance(document_id, str) else None, "documentId")


def _parse_hash(value: object, name: str) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise BadUserInput(f'"{name}" must be a SHA-256 in hexadecimal: 64 digits.')
    return value.lower()


class PersistedQueries:
    """The texts that each account registered, by their hash. No account reads or replaces another's.

    Beyond MAX_ACCOUNT_CHARACTERS, an account loses the texts that it used longest ago. Beyond
    MAX_REGISTERED_CHARACTERS, the account with the most characters does: of n accounts, one that holds at most an nth
    of the limit loses nothing to the others.
    """

    def __init__(self) -> None:
        self._texts: dict[UUID, LRUCache[str, str]] = {}

    def resolve(self, account_id: UUID, params: GraphQLParams) -> GraphQLParams:
        """Return the parameters with their query. Raises PersistedQueryNotFound, or BadUserInput for a wrong hash."""
        if not isinstance(params, HashedParams):
            return params
        texts = self._texts.get(account_id)
        known = texts.get(params.sha256) if texts else None
        if not params.query:
            if known is None:
                raise PersistedQueryNotFound
            return replace(params, query=known)
        if params.query != known and sha256(params.query.encode()).hexdigest() != params.sha256:
            raise BadUserInput('"sha256Hash" is not the SHA-256 of the query.')
        return params

    def register(self, account_id: UUID, params: GraphQLParams) -> None:
        """Keep the text of resolved parameters that have a hash. Its document must be valid."""
        if not isinstance(params, HashedParams):
            return
        texts = self._texts.setdefault(account_id, LRUCache(MAX_ACCOUNT_CHARACTERS, _count_characters))
        if params.sha256 in texts:
            return
        texts[params.sha256] = params.query
        while sum(each.currsize for each in self._texts.values()) > MAX_REGISTERED_CHARACTERS:
            largest = max(self._texts, key=lambda account: self._texts[account].currsize)
            self._texts[largest].popitem()
            if not self._texts[largest]:
                del self._texts[largest]


def _count_characters(text: str) -> int:
    return max(len(text), MIN_TEXT_CHARACTERS)
