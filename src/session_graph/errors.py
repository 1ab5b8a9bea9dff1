"""The errors of session_graph, and the code each one has on the wire.

    SessionGraphError
    ├── RequestError              a request that cannot be served; top-level `errors[].extensions.code`
    │   ├── Unauthenticated       UNAUTHENTICATED   401
    │   ├── Forbidden             FORBIDDEN         403
    │   ├── ForbiddenField        FORBIDDEN_FIELD   403
    │   ├── BadUserInput          BAD_USER_INPUT    400
    │   ├── TooLarge              TOO_LARGE         400, or 413 for a body
    │   ├── StatementTimeout      TIMEOUT           503
    │   └── InternalError         INTERNAL          500
    ├── InvalidInput              what a person can put right, each with its path
    │   ├── AlreadyThere          what is to be made has been made before
    │   ├── NotFound              what is named does not exist for this viewer
    │   └── LimitReached          more than an account, or a request, may have
    ├── SettingError              a setting that cannot be used; start-up ends with the sentence
    └── StoreError                the database cannot be used as it is; start-up ends with the sentence

Raise the lowest that fits; `graph` translates to the wire, `cli` to a sentence and an exit code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

PathSegment = str | int


def join_path(path: Sequence[PathSegment]) -> str:
    """`filter.anyOf.0.asr`: where in an input something is."""
    return ".".join(map(str, path))


class SessionGraphError(Exception):
    """Something session_graph could not do."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)

    @property
    def message(self) -> str:
        return str(self.args[0])


class RequestError(SessionGraphError):
    """The request cannot be served."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    @property
    def extensions(self) -> dict[str, object]:
        """What goes to `errors[].extensions` on the wire; `code` is always there."""
        return {"code": self.code}


class Unauthenticated(RequestError):
    """A valid API key or token is needed, as `Authorization: Bearer …`."""

    code = "UNAUTHENTICATED"
    status = 401


class Forbidden(RequestError):
    """This role may not do that."""

    code = "FORBIDDEN"
    status = 403


class ForbiddenField(RequestError):
    """This role may not read some of the fields that were named."""

    code = "FORBIDDEN_FIELD"
    status = 403

    def __init__(self, role: str, fields: Sequence[str]) -> None:
        super().__init__(f"The role {role} may not read or set {', '.join(fields)}.")
        self.fields = list(fields)

    @property
    def extensions(self) -> dict[str, object]:
        return {"code": self.code, "fields": self.fields}


class BadUserInput(RequestError):
    """The request is not well formed."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str | None = None, path: Sequence[PathSegment] = ()) -> None:
        super().__init__(f"{join_path(path)} {message}" if path else message)
        self.path = list(path)

    @property
    def extensions(self) -> dict[str, object]:
        return {"code": self.code, "path": self.path} if self.path else {"code": self.code}


class TooLarge(RequestError):
    """The request asks for more than one request may."""

    code = "TOO_LARGE"


class StatementTimeout(RequestError):
    """The database took too long to answer; narrow the filter or the range and ask again."""

    code = "TIMEOUT"
    status = 503


class InternalError(RequestError):
    """Something went wrong here; the id finds it in the log."""

    code = "INTERNAL"
    status = 500

    def __init__(self, error_id: str) -> None:
        super().__init__(f"Something went wrong here. Its id in the log is {error_id}.")
        self.error_id = error_id

    @property
    def extensions(self) -> dict[str, object]:
        return {"code": self.code, "id": self.error_id}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where (field names and indexes), and what ("must not be null")."""

    path: tuple[PathSegment, ...]
    message: str

    def __str__(self) -> str:
        return f"{join_path(self.path)} {self.message}" if self.path else self.message


class InvalidInput(SessionGraphError):
    """The input cannot be taken as it is."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = list(problems)

    @classmethod
    def at(cls, message: str, path: Sequence[PathSegment]) -> Self:
        """Return the error with one problem."""
        return cls([Problem(tuple(path), message)])

    def below(self, path: Sequence[PathSegment]) -> Self:
        """Return the same error with this path before each problem's own."""
        return type(self)([Problem((*path, *each.path), each.message) for each in self.problems])


class AlreadyThere(InvalidInput):
    """What is to be made is already there."""


class NotFound(InvalidInput):
    """What the input names does not exist for this viewer."""


class LimitReached(InvalidInput):
    """More than there may be."""


class SettingError(SessionGraphError):
    """A setting cannot be used."""


class StoreError(SessionGraphError):
    """The database cannot be used as it is."""
