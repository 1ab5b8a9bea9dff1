"""What tells that the database is unavailable, what callers are told then, and how much of it is logged."""

import logging
from types import SimpleNamespace

import asyncpg
import pytest
from tortoise.exceptions import OperationalError, TransactionManagementError

from session_graph.errors import OutcomeUnknown
from session_graph.store import background
from session_graph.store.background import (
    BUSY,
    TAKES_NO_CHANGES,
    NoAnswer,
    NotConnected,
    PoolExhausted,
    UnavailableLog,
    find_unavailable,
)


def wrapped(error: Exception, kind: type[Exception] = TransactionManagementError) -> Exception:
    """Return the error as Tortoise wraps it."""
    outer = kind(error)
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "error",
    [
        NoAnswer("no answer"),
        NotConnected("refused"),
        PoolExhausted(),
        ConnectionResetError(),
        asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.TargetServerAttributeNotMatched("no primary"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.DiskFullError("no space left on device"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.IdleInTransactionSessionTimeoutError("terminating connection"),
        wrapped(asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction")),
        OutcomeUnknown(),
    ],
)
def test_it_is_unavailable_and_worth_another_try(error: Exception) -> None:
    found = find_unavailable(error)

    assert found
    assert (found.code, found.status) == ("UNAVAILABLE", 503)
    assert isinstance(error, OutcomeUnknown) or found.retry_after


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        TimeoutError(),
        asyncpg.UniqueViolationError("Key (phone)=(+49 30 …) already exists."),
        asyncpg.exceptions._base.DataError("invalid input for query argument $1"),
        wrapped(asyncpg.UndefinedColumnError("column does not exist"), OperationalError),
        FileNotFoundError("a file"),
        ValueError("a bug"),
    ],
)
def test_anything_else_is_no_such_error(error: Exception) -> None:
    assert find_unavailable(error) is None


def test_the_message_says_what_can_be_known() -> None:
    messages = [
        find_unavailable(error)
        for error in (PoolExhausted(), asyncpg.DiskFullError("full"), asyncpg.ReadOnlySQLTransactionError("no"))
    ]

    assert [each and each.message for each in messages] == [BUSY, TAKES_NO_CHANGES, TAKES_NO_CHANGES]


def test_there_is_one_line_a_second_without_a_traceback(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(background, "monotonic", lambda: clock.now)
    log = UnavailableLog()
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            log.warn(NotConnected("refused\nhere"))
        clock.now += 1.1
        log.warn(NoAnswer("no answer"))

    first, second = caplog.records
    assert "NotConnected: refused here" in first.getMessage()
    assert "(50 times" in second.getMessage()
    assert not any(record.exc_info for record in caplog.records)
