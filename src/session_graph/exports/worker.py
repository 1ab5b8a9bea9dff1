"""The worker: claims jobs, runs several at a time, and releases them when it is stopped.

Any number of workers may run, in the web process or beside it. A notification wakes them; polling finds the jobs whose
notification was lost. Writing and sending have separate tasks, so a slow mail server delays no writing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial

from session_graph.access.viewer import Viewer
from session_graph.errors import SessionGraphError
from session_graph.exports.csv_file import LostLease, Progress, write_file
from session_graph.exports.delivery import Deliverer
from session_graph.exports.jobs import MOST_ATTEMPTS, Jobs
from session_graph.exports.mail import choose_transport
from session_graph.exports.requester_rights import find_requester
from session_graph.exports.requests import QUEUE, ExportStatus
from session_graph.settings import Settings
from session_graph.store.background import STORE_FAILED, run_forever
from session_graph.store.database import Database, Row
from session_graph.store.notifications import Listener

LOGGER = logging.getLogger(__name__)

WRITERS = 2
SENDERS = 4
HEARTBEAT_SECONDS = 0.8
POLL_SECONDS = 2.0
SWEEP_SECONDS = 600.0

NO_LONGER_ALLOWED = "The requester may no longer see the rows or the columns of this export."
NOBODY_ACCEPTED = "The file is written, but no recipient's mail server has accepted it: {error}"
COULD_NOT_WRITE = "The export could not be written after {attempts} attempts."
COULD_NOT_SEND = "The file is written, but sending it failed because of an error in the server. It will be sent again."

Claim = Callable[[], Awaitable[Row | None]]
Handler = Callable[[Row, Progress], Awaitable[None]]


class Worker:
    """Writes and sends exports; `run` it until it is cancelled."""

    def __init__(self, database: Database, url: str, settings: Settings, listener: Listener) -> None:
        self._database = database
        self._url = url
        self._settings = settings
        self._listener = listener
        self._jobs = Jobs(database)
        self._deliverer = Deliverer(database, settings, choose_transport(settings))
        self._wakeup = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_forever(self._listen, POLL_SECONDS))
            tasks.create_task(run_forever(self._jobs.sweep, SWEEP_SECONDS))
            claim_to_write = partial(self._jobs.claim_to_write, self._settings.exports_running)
            for _ in range(WRITERS):
                tasks.create_task(run_forever(partial(self._work, claim_to_write, self._write)))
            for _ in range(SENDERS):
                tasks.create_task(run_forever(partial(self._work, self._jobs.claim_to_send, self._send)))

    async def _work(self, claim: Claim, handle: Handler) -> None:
        """Run one job, or wait for one until woken or until POLL_SECONDS have passed."""
        wakeup = self._wakeup  # taken before the claim, so that no wake-up is missed between claim and wait
        if job := await claim():
            await self._run_job(job, handle)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await wakeup.wait()

    def _wake(self) -> None:
        """Wake all tasks that wait for a job or are about to."""
        self._wakeup.set()
        self._wakeup = asyncio.Event()

    async def _run_job(self, job: Row, handle: Handler) -> None:
        """Run a claimed job and record in its row how it ended."""
        progress = Progress()
        try:
            async with self._heartbeats(job, progress):
                await handle(job, progress)
        except LostLease:
            LOGGER.info("lost the lease of export %s", job["id"])
        except asyncio.CancelledError:
            with suppress(*STORE_FAILED):
                await asyncio.shield(self._jobs.release(job, timedelta(0), refund_attempt=True))
            raise
        except Exception as error:
            await self._fail(job, error)

    async def _write(self, job: Row, progress: Progress) -> None:
        viewer = await self._find_requester(job)
        if viewer is None:
            return
        file = await write_file(self._database, self._url, job, viewer, progress)
        if not await self._jobs.finish_writing(job, file, timedelta(days=self._settings.export_days)):
            raise LostLease
        self._wake()

    async def _send(self, job: Row, progress: Progress) -> None:
        viewer = await self._find_requester(job)
        if viewer is None:
            return
        await self._deliverer.send_due(job, viewer)
        state = await self._deliverer.read_state(job)
        if state["waiting"]:
            await self._jobs.release(job, state["pause"], error=state["error"])
        elif state["accepted"]:
            await self._jobs.finish(job, ExportStatus.DONE)
        else:
            await self._jobs.finish(job, ExportStatus.FAILED, NOBODY_ACCEPTED.format(error=state["error"]))

    async def _find_requester(self, job: Row) -> Viewer | None:
        """Return the requester, or fail the job and return None if the requester has lost the rights."""
        viewer = await find_requester(job)
        if viewer is None:
            await self._jobs.finish(job, ExportStatus.FAILED, NO_LONGER_ALLOWED)
        return viewer

    async def _fail(self, job: Row, error: Exception) -> None:
        """Release the job for another attempt, or end it if that cannot help."""
        LOGGER.error("export %s failed", job["id"], exc_info=error)
        with suppress(Exception):  # if this fails too, the lease expires
            if job["status"] == ExportStatus.SENDING:
                await self._jobs.release(job, timedelta(seconds=5), error=COULD_NOT_SEND)
            elif isinstance(error, SessionGraphError):
                await self._jobs.finish(job, ExportStatus.FAILED, error.message)
            elif job["attempts"] >= MOST_ATTEMPTS:
                message = COULD_NOT_WRITE.format(attempts=job["attempts"])
                await self._jobs.finish(job, ExportStatus.FAILED, message)
            else:
                await self._jobs.release(job, timedelta(seconds=2 ** job["attempts"]))

    @asynccontextmanager
    async def _heartbeats(self, job: Row, progress: Progress) -> AsyncIterator[None]:
        """Send heartbeats while the block runs. Cancel the block and raise LostLease if the lease is lost."""
        block = asyncio.current_task()
        assert block is not None
        lost = False

        async def send_heartbeats() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(HEARTBEAT_SECONDS)
                with suppress(*STORE_FAILED):
                    if not await self._jobs.heartbeat(job, progress if progress.row_count is not None else None):
                        lost = True
                        block.cancel()
                        return

        heartbeats = asyncio.create_task(send_heartbeats())
        try:
            yield
        except asyncio.CancelledError:
            if lost and block.cancelling() == 1:
                raise LostLease from None
            raise
        finally:
            heartbeats.cancel()
            if lost:
                block.uncancel()

    async def _listen(self) -> None:
        """Wake the tasks when a job is queued, and when the listener has reconnected."""
        with self._listener.topic(QUEUE) as topic:
            while True:
                seen = topic.count
                self._wake()
                await topic.wait(seen)
