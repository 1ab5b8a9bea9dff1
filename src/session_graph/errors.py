"""The errors of session_graph, and the code of each in a response.

    SessionGraphError
    ├── RequestError              the request fails; its code is in the response's `errors[].extensions.code`
    │   ├── Unauthenticated       UNAUTHENTICATED   401
    │   ├── Forbidden             FORBIDDEN         403
    │   ├── ForbiddenField        FORBIDDEN_FIELD   403
    │   ├── BadUserInput          BAD_USER_INPUT    400
    │   │   └── CursorInvalid     CURSOR_INVALID    400
    │   ├── HistoryLost           HISTORY_LOST      400
    │   ├── TooLarge              TOO_LARGE         400, or 413 for a body
    │   ├── TryLater              RATE_LIMITED 429 or UNAVAILABLE 503, by subclass
    │   │   └── Unavailable       UNAVAILABLE       503
    │   │       └── OutcomeUnknown  the same, and the change may be stored
    │   ├── StatementTimeout      TIMEOUT           503
    │   └── InternalError         INTERNAL          500
    ├── InvalidInput              the caller can correct it: problems, each with its path
    │   ├── AlreadyThere          what the caller wants to create already exists
    │   ├── NotFound              what the input names does not exist for this viewer
    │   └── LimitReached          a limit of the account or of the request is reached
    ├── SettingError              a setting is invalid; start-up ends with the message
    └── StoreError                the database cannot be used; start-up ends with the message

The docstring of a class is its default message. Raise the most specific class; `engine` and `schema` translate errors
for the response, `cli` prints the message and exits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import ClassVar, Self

PathSegment = str | int


def join_path(path: Sequence[PathSegment]) -> str:
    """Return the path with dots: `filter.anyOf.0.asr`."""
    return ".".join(map(str, path))


class SessionGraphError(Exception):
    """The base of every error of session_graph."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)

    @property
    def message(self) -> str:
        return str(self.args[0])


class RequestError(SessionGraphError):
    """The request failed."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str | None = None, **extensions: object) -> None:
        """Add `extensions` to the `errors[].extensions` of the response, which always has `code`."""
        super().__init__(message)
        self.extensions = {"code": self.code, **extensions}


class Unauthenticated(RequestError):
    """A valid API key or token is needed, as `Authorization: Bearer …`."""

    code = "UNAUTHENTICATED"
    status = 401


class Forbidden(RequestError):
    """This role may not do that."""

    code = "FORBIDDEN"
    status = 403


class ForbiddenField(RequestError):
    """This role may not read some of the requested fields."""

    code = "FORBIDDEN_FIELD"
    status = 403

    def __init__(self, role: str, fields: Sequence[str]) -> None:
        super().__init__(f"The role {role} may not read or set {', '.join(fields)}.", fields=list(fields))


class BadUserInput(RequestError):
    """The request is malformed."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str | None = None, path: Sequence[PathSegment] = ()) -> None:
        if path:
            super().__init__(f"{join_path(path)} {message}", path=list(map(str, path)))
        else:
            super().__init__(message)

    @classmethod
    def located(cls, message: str, path: Sequence[PathSegment]) -> Self:
        """Return an error whose message says where already; the path, if there is one, goes into the extensions."""
        error = cls(message)
        if path:
            error.extensions["path"] = list(map(str, path))
        return error


class CursorInvalid(BadUserInput):
    """The cursor is not one of this list and account."""

    code = "CURSOR_INVALID"


class HistoryLost(RequestError):
    """Changes before this cursor are lost: the database was restored, or another server took over."""

    code = "HISTORY_LOST"

    def __init__(self, read_from: str | None) -> None:
        """`read_from` is the cursor to read on from: nothing before it was lost. None means from the beginning."""
        super().__init__(readFrom=read_from)


class TooLarge(RequestError):
    """The request exceeds a limit."""

    code = "TOO_LARGE"


class TryLater(RequestError):
    """The same request may succeed later."""

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        """Add the seconds after which to try again, rounded up, if they are known."""
        self.retry_after = None if retry_after is None else ceil(retry_after)
        super().__init__(message, **({} if self.retry_after is None else {"retryAfter": self.retry_after}))


class Unavailable(TryLater):
    """The database cannot be used at present; try again."""

    code = "UNAVAILABLE"
    status = 503


class OutcomeUnknown(Unavailable):
    """It is unknown whether this is stored: read it, or send it again with the same id or idempotency key."""


class StatementTimeout(RequestError):
    """The database took too long to answer; narrow the filter or the range and try again."""

    code = "TIMEOUT"
    status = 503


class InternalError(RequestError):
    """The server failed; its log has the details under the error's id."""

    code = "INTERNAL"
    status = 500

    def __init__(self, error_id: str) -> None:
        super().__init__(f"Something went wrong here. Its id in the log is {error_id}.", id=error_id)


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of an input: its path (field names and indexes) and a message such as "must not be null".

    `error` is the request's error if the input is an argument of a query; `retry_after` are the seconds until a limit
    ends by itself.
    """

    path: tuple[PathSegment, ...]
    message: str
    error: type[BadUserInput] = BadUserInput
    retry_after: int | None = None

    def __str__(self) -> str:
        return f"{join_path(self.path)} {self.message}" if self.path else self.message


class InvalidInput(SessionGraphError):
    """The input is invalid."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = list(problems)

    @classmethod
    def at(cls, message: str, path: Sequence[PathSegment]) -> Self:
        """Return an error with one problem."""
        return cls([Problem(tuple(path), message)])

    def below(self, path: Sequence[PathSegment]) -> Self:
        """Return the same error with this path before each problem's own."""
        return type(self)([replace(each, path=(*path, *each.path)) for each in self.problems])

    def in_file(self, name: str) -> Self:
        """Return the same error with the file before each problem: `own.toml: source is missing`."""
        return type(self)([Problem((), f"{name}: {each}") for each in self.problems])


class AlreadyThere(InvalidInput):
    """It already exists."""


class NotFound(InvalidInput):
    """What the input names does not exist for this viewer."""


class LimitReached(InvalidInput):
    """A limit is reached."""


class SettingError(SessionGraphError):
    """A setting is invalid."""


class StoreError(SessionGraphError):
    """The database cannot be used."""
