"""The worker: waits for jobs, does several at a time, and hands them back when it is told to stop.

Any number of workers may run, in the web process or beside it. A notification wakes them; a poll finds what nobody
told.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg

from session_graph.errors import SessionGraphError
from session_graph.exports.delivery import Deliverer
from session_graph.exports.files import Progress, write_file
from session_graph.exports.jobs import MOST_ATTEMPTS, Jobs
from session_graph.exports.mail import find_postman
from session_graph.exports.requesters import find_requester
from session_graph.exports.requesting import QUEUE, ExportStatus
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.ids import new_id

LOGGER = logging.getLogger(__name__)

AT_A_TIME = 2
HEARTBEAT_SECONDS = 1.0
POLL_SECONDS = 2.0
SWEEP_SECONDS = 600.0

NO_LONGER_ALLOWED = "Whoever asked for the report may no longer see its rows or columns."
NOBODY_ACCEPTED = "The report is written, but no recipient's mail server has accepted it: {error}"
COULD_NOT_WRITE = "The report could not be written; it was tried {attempts} times."


class LostLease(Exception):
    """Another worker has the job, or it was cancelled."""


class Ended(Exception):
    """The job is over, and its row says how."""


class Worker:
    """`run` until cancelled."""

    def __init__(self, database: Database, url: str, settings: Settings) -> None:
        self._database = database
        self._url = url
        self._settings = settings
        self._jobs = Jobs(database, new_id())
        self._deliverer = Deliverer(database, settings, find_postman(settings))
        self._awake = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._sweep())
            for _ in range(AT_A_TIME):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                job = await self._jobs.claim(self._settings.exports_running)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                LOGGER.warning("no job could be claimed: %s", type(error).__name__)
                job = None
            if job is None:
                await self._sleep()
            else:
                await self._do(job)

    async def _sleep(self) -> None:
        self._awake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), POLL_SECONDS)

    async def _do(self, job: Row) -> None:
        """One claimed job, as far as it comes; whatever happens, its row says where it stands."""
        progress = Progress()
        try:
            async with self._kept(job, progress if job["status"] == ExportStatus.RUNNING else None):
                if job["status"] == ExportStatus.RUNNING:
                    job = await self._write(job, progress)
                await self._send(job)
        except Ended:
            pass
        except LostLease:
            LOGGER.info("export %s is not ours any more", job["id"])
        except asyncio.CancelledError:
            await asyncio.shield(self._jobs.hand_back(job, _waiting(job), timedelta(0), uncount=_counted(job)))
            raise
        except Exception as error:
            await self._fail(job, error)

    async def _write(self, job: Row, progress: Progress) -> Row:
        """The job, to be sent now."""
        viewer = await find_requester(job)
        if viewer is None:
            await self._jobs.finish(job, ExportStatus.FAILED, NO_LONGER_ALLOWED)
            raise Ended
        file = await write_file(self._database, job, viewer, progress)
        written = await self._jobs.finish_writing(job, file, timedelta(days=self._settings.export_days))
        if written is None:
            raise LostLease
        return written

    async def _send(self, job: Row) -> None:
        await self._deliverer.send_due(job)
        state = await self._deliverer.state(job)
        if state["waiting"]:
            await self._jobs.hand_back(job, ExportStatus.SENDING, state["pause"], error=state["error"])
        elif state["accepted"]:
            await self._jobs.finish(job, ExportStatus.DONE)
        else:
            await self._jobs.finish(job, ExportStatus.FAILED, NOBODY_ACCEPTED.format(error=state["error"]))

    async def _fail(self, job: Row, error: Exception) -> None:
        """Try again later, unless that would be in vain."""
        LOGGER.error("export %s failed", job["id"], exc_info=error)
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if isinstance(error, SessionGraphError):
                await self._jobs.finish(job, ExportStatus.FAILED, error.message)
            elif job["status"] == ExportStatus.RUNNING and job["attempts"] >= MOST_ATTEMPTS:
                sentence = COULD_NOT_WRITE.format(attempts=job["attempts"])
                await self._jobs.finish(job, ExportStatus.FAILED, sentence)
            else:
                pause = timedelta(seconds=2 ** job["attempts"])
                await self._jobs.hand_back(job, _waiting(job), pause)

    @asynccontextmanager
    async def _kept(self, job: Row, progress: Progress | None) -> AsyncIterator[None]:
        """Beats while the block runs; a lost lease cancels the block and raises LostLease."""
        block = asyncio.current_task()
        assert block is not None
        lost = False

        async def beat() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(HEARTBEAT_SECONDS)
                with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    writing = progress if progress and progress.row_count is not None else None
                    if not await self._jobs.keep(job, writing):
                        lost = True
                        block.cancel()
                        return

        beating = asyncio.create_task(beat())
        try:
            yield
        except asyncio.CancelledError:
            if lost:
                block.uncancel()
                raise LostLease from None
            raise
        finally:
            beating.cancel()

    async def _listen(self) -> None:
        """Wakes the others when a job is queued; after a lost connection, again when there is one."""
        while True:
            try:
                connection = await asyncpg.connect(self._url)
                try:
                    await self._wake_by(connection)
                finally:
                    connection.terminate()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(POLL_SECONDS)

    async def _wake_by(self, connection: asyncpg.Connection) -> None:
        """Until the connection ends."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        await connection.add_listener(QUEUE, lambda *_: self._awake.set())
        self._awake.set()
        await ended.wait()

    async def _sweep(self) -> None:
        while True:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._jobs.sweep()
            await asyncio.sleep(SWEEP_SECONDS)


def _waiting(job: Row) -> ExportStatus:
    """How a job waits that was claimed as this one."""
    return ExportStatus.SENDING if job["status"] == ExportStatus.SENDING else ExportStatus.QUEUED


def _counted(job: Row) -> bool:
    return bool(job["status"] == ExportStatus.RUNNING)
