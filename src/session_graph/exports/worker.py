"""The worker: waits for jobs, does several at a time, and hands them back when it is told to stop.

Any number of workers may run, in the web process or beside it. A notification wakes them; a poll finds what nobody
told. Writing and sending have hands of their own, so that a slow mail server keeps no report from being written.
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

NO_LONGER_ALLOWED = "Whoever asked for the report may no longer see its rows or columns."
NOBODY_ACCEPTED = "The report is written, but no recipient's mail server has accepted it: {error}"
COULD_NOT_WRITE = "The report could not be written; it was tried {attempts} times."
COULD_NOT_SEND = "The report is written, but something went wrong here when it was sent; it will be tried again."

Claim = Callable[[], Awaitable[Row | None]]
Hand = Callable[[Row, Progress], Awaitable[None]]


class Worker:
    """`run` until cancelled."""

    def __init__(self, database: Database, url: str, settings: Settings, listener: Listener) -> None:
        self._database = database
        self._url = url
        self._settings = settings
        self._listener = listener
        self._jobs = Jobs(database)
        self._deliverer = Deliverer(database, settings, choose_transport(settings))
        self._awake = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_forever(self._listen, POLL_SECONDS))
            tasks.create_task(run_forever(self._sweep, SWEEP_SECONDS))
            for _ in range(WRITERS):
                tasks.create_task(run_forever(partial(self._work, self._claim_to_write, self._write)))
            for _ in range(SENDERS):
                tasks.create_task(run_forever(partial(self._work, self._jobs.claim_to_send, self._send)))

    async def _claim_to_write(self) -> Row | None:
        return await self._jobs.claim_to_write(self._settings.exports_running)

    async def _work(self, claim: Claim, hand: Hand) -> None:
        """One job, or a while of waiting for one."""
        awake = self._awake
        if job := await claim():
            await self._do(job, hand)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await awake.wait()

    def _wake(self) -> None:
        """All who wait, and those who are just about to."""
        self._awake.set()
        self._awake = asyncio.Event()

    async def _do(self, job: Row, hand: Hand) -> None:
        """One claimed job; whatever happens, its row says where it stands."""
        progress = Progress()
        try:
            async with self._kept(job, progress):
                await hand(job, progress)
        except LostLease:
            LOGGER.info("export %s is not ours any more", job["id"])
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
        state = await self._deliverer.state(job)
        if state["waiting"]:
            await self._jobs.release(job, state["pause"], error=state["error"])
        elif state["accepted"]:
            await self._jobs.finish(job, ExportStatus.DONE)
        else:
            await self._jobs.finish(job, ExportStatus.FAILED, NOBODY_ACCEPTED.format(error=state["error"]))

    async def _find_requester(self, job: Row) -> Viewer | None:
        """None where the job has come to its end with whom it was for."""
        viewer = await find_requester(job)
        if viewer is None:
            await self._jobs.finish(job, ExportStatus.FAILED, NO_LONGER_ALLOWED)
        return viewer

    async def _fail(self, job: Row, error: Exception) -> None:
        """Try again later, unless that would be in vain."""
        LOGGER.error("export %s failed", job["id"], exc_info=error)
        with suppress(Exception):  # then its lease runs out
            if job["status"] == ExportStatus.SENDING:
                await self._jobs.release(job, timedelta(seconds=5), error=COULD_NOT_SEND)
            elif isinstance(error, SessionGraphError):
                await self._jobs.finish(job, ExportStatus.FAILED, error.message)
            elif job["attempts"] >= MOST_ATTEMPTS:
                sentence = COULD_NOT_WRITE.format(attempts=job["attempts"])
                await self._jobs.finish(job, ExportStatus.FAILED, sentence)
            else:
                await self._jobs.release(job, timedelta(seconds=2 ** job["attempts"]))

    @asynccontextmanager
    async def _kept(self, job: Row, progress: Progress) -> AsyncIterator[None]:
        """Beats while the block runs; a lost lease cancels the block and raises LostLease."""
        block = asyncio.current_task()
        assert block is not None
        lost = False

        async def beat() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(HEARTBEAT_SECONDS)
                with suppress(*STORE_FAILED):
                    writing = progress if progress.row_count is not None else None
                    if not await self._jobs.heartbeat(job, writing):
                        lost = True
                        block.cancel()
                        return

        beating = asyncio.create_task(beat())
        try:
            yield
        except asyncio.CancelledError:
            if lost and block.cancelling() == 1:
                raise LostLease from None
            raise
        finally:
            beating.cancel()
            if lost:
                block.uncancel()

    async def _listen(self) -> None:
        """Wakes the others when a job is queued, and when one can hear of it again."""
        with self._listener.topic(QUEUE) as topic:
            while True:
                seen = topic.count
                self._wake()
                await topic.wait(seen)

    async def _sweep(self) -> None:
        await self._jobs.sweep()
