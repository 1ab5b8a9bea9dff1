"""Authentication: an Authorization header becomes a Viewer, or the request fails."""

import re
from contextlib import AbstractContextManager
from time import monotonic

from session_graph.access.addresses import address_group
from session_graph.access.api_keys import KEY_START, LastUsedRecorder, look_up_key
from session_graph.access.attempts import Attempts
from session_graph.access.authentication_cache import AuthenticationCache
from session_graph.access.tokens import TokenVerifier
from session_graph.access.viewer import Viewer
from session_graph.errors import Unauthenticated

HEADER_LIMIT = 8192
UNBOUNDED = 1e9
"""Attempts a second that nobody makes."""

_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
"""RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1)."""
_BLANKS = " \t"
"""Around a field's value they are no part of it (RFC 9110, section 5.5)."""


class Authenticator:
    """Authenticates by API key, and by signed token if there is a verifier. Close it before the database.

    Without `attempts`, those without a valid key are not bounded.
    """

    def __init__(self, tokens: TokenVerifier | None, attempts: Attempts | None = None) -> None:
        self._tokens = tokens
        self._attempts = attempts or Attempts(UNBOUNDED)
        self._cache = AuthenticationCache()
        self._last_used = LastUsedRecorder()

    async def authenticate(self, authorization: str | None, address: str = "") -> Viewer:
        """Return the viewer of the header's value, which came from this address.

        Raises Unauthenticated, with one message for every reason, and TooManyAttempts.
        """
        if authorization and (viewer := self._cache.find(authorization)):
            return viewer
        possible = authorization if authorization is not None and _may_be_valid(authorization) else None
        with self._attempts.attempt(address_group(address), possible):
            viewer, _ = await self.authenticate_uncached(authorization)
        return viewer

    def attempt(self, address: str, secret: str) -> AbstractContextManager[None]:
        """Count the block as an attempt of this address unless it accepts the secret, of another kind than a header.

        The block raises Unauthenticated if it does not. Raises TooManyAttempts, and Unauthenticated.
        """
        return self._attempts.attempt(address_group(address), secret)

    async def authenticate_uncached(self, authorization: str | None) -> tuple[Viewer, float]:
        """Return the viewer as `authenticate` does, but by the present state of the database, not by the cache.

        And the seconds until the header must be checked again, or infinity: by the clock that decides about it, which
        for a key is the database's, for a token this machine's.
        """
        if authorization is None:
            raise Unauthenticated
        credential = _read_credential(authorization)
        if credential.startswith(KEY_START):
            return await self._authenticate_key(authorization, credential)
        if self._tokens is None:
            raise Unauthenticated
        return await self._tokens.verify(credential)

    async def close(self) -> None:
        """Wait until the pending writes of last uses end."""
        await self._last_used.finish()

    async def _authenticate_key(self, header: str, text: str) -> tuple[Viewer, float]:
        looked_up_at = monotonic()
        found = await look_up_key(text)
        if found is None:
            self._cache.forget(header)
            self._attempts.refuse(header)
            raise Unauthenticated
        viewer, seconds_left = found
        assert viewer.key_id, "a key's viewer has the key's id"
        self._cache.keep(header, viewer, looked_up_at, seconds_left)
        self._last_used.record(viewer.key_id)
        return viewer, seconds_left


def _may_be_valid(authorization: str) -> bool:
    """Return whether it has the form of a header with a key or token."""
    try:
        _read_credential(authorization)
    except Unauthenticated:
        return False
    return True


def _read_credential(authorization: str) -> str:
    if len(authorization) > HEADER_LIMIT:
        raise Unauthenticated
    form = _BEARER.fullmatch(authorization.strip(_BLANKS))
    if form is None:
        raise Unauthenticated
    return form[1]
