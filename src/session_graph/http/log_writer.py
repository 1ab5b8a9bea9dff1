"""Writes log lines in a thread, so that a reader of standard error who stalls stops the log and nothing else."""

import atexit
import logging
import os
import threading
from queue import Empty, Full, Queue

MAX_LINES = 10_000
"""Lines that wait to be written; more are dropped, and counted in a line of their own."""
END_SECONDS = 2.0
"""How long the end of the process waits for its last lines to be written."""
_STDERR = 2


class LogWriter:
    """A bounded queue of lines, and the thread that writes them to a file descriptor."""

    def __init__(self, descriptor: int = _STDERR, max_lines: int = MAX_LINES) -> None:
        self._descriptor = descriptor
        self._lines: Queue[str | None] = Queue(max_lines)
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def put(self, line: str) -> None:
        """Write the line soon, or drop it if too many wait. Never blocks for long."""
        if self._thread is None:
            self._start()
        try:
            self._lines.put_nowait(line)
        except Full:
            self._dropped += 1

    @property
    def has_dropped(self) -> bool:
        """Return whether lines were dropped that nobody has been told of."""
        return bool(self._dropped)

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call, once there is room again."""
        if not self._dropped or self._lines.full():
            return 0
        dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self) -> None:
        """Wait for what is queued to be written, for END_SECONDS at most."""
        if self._thread is not None:
            try:
                self._lines.put(None, timeout=END_SECONDS)
            except Full:
                return
            self._thread.join(END_SECONDS)
            self._thread = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="log", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _write(self) -> None:
        """Write to the descriptor itself: a buffered stream that is stuck would hold up the end of the process."""
        ends = False
        while not ends:
            lines = [self._lines.get()]
            try:
                while len(lines) < 100:
                    lines.append(self._lines.get_nowait())
            except Empty:
                pass
            ends = lines[-1] is None
            data = "".join(f"{line}\n" for line in lines if line is not None).encode("utf-8", "backslashreplace")
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                continue  # nobody can be told


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
