"""A log that nobody reads: the process goes on, and says afterwards how many lines are missing."""

import logging
import os
import re
import subprocess
import sys
import threading
import time

from session_graph.http.log_writer import LogWriter, QueuedHandler

LOGGED = """
import logging
from session_graph.http.access_log import configure_logging
configure_logging("INFO")
for number in range(1000):
    logging.getLogger("x").info("line %d", number)
"""


def make_logger(writer: LogWriter) -> logging.Logger:
    """Return a logger of the test's own."""
    logger = logging.Logger("test")
    logger.addHandler(QueuedHandler(writer))
    return logger


def read_lines(descriptor: int) -> list[str]:
    """Read to the end of the pipe."""
    with open(descriptor, "rb") as reader:
        return reader.read().decode().splitlines()


def test_the_end_of_a_process_waits_for_its_last_lines() -> None:
    run = subprocess.run([sys.executable, "-c", LOGGED], capture_output=True, check=True, timeout=60)

    lines = run.stderr.decode().splitlines()
    assert (len(lines), '"line 0"' in lines[0], '"line 999"' in lines[-1]) == (1000, True, True)


def test_lines_that_nobody_reads_hold_up_nothing_and_are_counted_when_somebody_reads_again() -> None:
    reader, writing = os.pipe()
    writer = LogWriter(writing, max_lines=10)
    logger = make_logger(writer)

    def log(count: int) -> None:
        for _ in range(count):
            logger.warning("x" * 1000)

    logging_away = threading.Thread(target=log, args=[1000], daemon=True)
    logging_away.start()
    logging_away.join(30)
    assert not logging_away.is_alive()

    read: list[str] = []
    reading = threading.Thread(target=lambda: read.extend(read_lines(reader)))
    reading.start()
    more, deadline = 0, time.monotonic() + 30
    while writer.has_dropped and time.monotonic() < deadline:
        logger.warning("more")
        more += 1
        time.sleep(0.01)
    writer.close()
    os.close(writing)
    reading.join(30)

    notes = [int(found[0]) for line in read if (found := re.match(r"\d+(?= log lines were dropped)", line))]
    assert notes
    assert len(read) - len(notes) + sum(notes) == 1000 + more


def test_no_line_is_lost_where_standard_error_does_not_block() -> None:
    reader, writing = os.pipe()
    os.set_blocking(writing, False)
    writer = LogWriter(writing)
    logger = make_logger(writer)
    read: list[str] = []
    reading = threading.Thread(target=lambda: read.extend(read_lines(reader)))

    for number in range(3000):
        logger.warning("%d %s", number, "x" * 200)
    time.sleep(0.2)  # until the pipe is full
    reading.start()
    writer.close()
    os.close(writing)
    reading.join(30)

    assert [line.split()[0] for line in read] == [str(number) for number in range(3000)]


def test_a_closed_standard_error_is_no_failure() -> None:
    reader, writing = os.pipe()
    os.close(reader)
    writer = LogWriter(writing)

    make_logger(writer).warning("to nobody")
    writer.close()
    os.close(writing)
