"""Writes log lines in a thread, so that a reader of standard error who stalls stops the log and nothing else."""

import atexit
import logging
import os
import select
import threading
from collections import deque
from contextlib import suppress

MAX_LINES = 10_000
"""Lines that wait to be written; more are dropped, and counted in a line of their own."""
GATHER_SECONDS = 0.05
"""How long lines are gathered into one write: to wake the thread for each would cost more than to write it."""
END_SECONDS = 2.0
"""How long the end of the process waits for its last lines to be written."""
_STDERR = 2


class LogWriter:
    """The lines that wait, and the thread that writes them to a file descriptor."""

    def __init__(self, descriptor: int = _STDERR, max_lines: int = MAX_LINES) -> None:
        self._descriptor = descriptor
        self._max_lines = max_lines
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_awake = False
        self._wake = threading.Event()
        self._ending = threading.Event()

    def put(self, line: str) -> None:
        """Write the line soon, or drop it if too many wait. Never blocks."""
        if len(self._lines) >= self._max_lines:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._is_awake:
            self._is_awake = True
            if self._thread is None:
                self._start()
            self._wake.set()

    @property
    def has_dropped(self) -> bool:
        """Return whether lines were dropped that nobody has been told of."""
        return bool(self._dropped)

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call, once there is room again."""
        if not self._dropped or len(self._lines) >= self._max_lines:
            return 0
        dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self) -> None:
        """Wait for the lines to be written, for END_SECONDS at most."""
        if self._thread is not None:
            self._ending.set()
            self._wake.set()
            self._thread.join(END_SECONDS)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.wait()
            self._wake.clear()
            self._ending.wait(GATHER_SECONDS)
            self._is_awake = False  # before the lines are taken: whoever adds one from now on wakes this thread again
            self._write()
        self._write()

    def _write(self) -> None:
        """Write to the descriptor itself: a buffered stream that is stuck would hold up the end of the process."""
        while self._lines:
            lines = [self._lines.popleft() for _ in range(min(len(self._lines), 100))]
            data = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
            with suppress(OSError):  # nobody can be told
                while data:
                    data = self._write_some(data)

    def _write_some(self, data: bytes) -> bytes:
        """Write what the descriptor takes, and return the rest."""
        try:
            return data[os.write(self._descriptor, data) :]
        except BlockingIOError:  # another process that has the descriptor made it non-blocking
            select.select((), (self._descriptor,), ())
            return data


class QueuedHandler(logging.Handler):
    """Formats each record at once, in its own thread and context, and leaves the writing to a LogWriter."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if dropped := self._writer.take_dropped():
                self._writer.put(self.format(_note(dropped)))
            self._writer.put(self.format(record))
        except Exception:
            self.handleError(record)


def _note(dropped: int) -> logging.LogRecord:
    message = "%d log lines were dropped, because nobody reads standard error"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, (dropped,), None)
