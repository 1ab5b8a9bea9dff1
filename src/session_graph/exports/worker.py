"""The worker: claims jobs, runs several at a time, and releases them when it is stopped.

Any number of workers may run, in the web process or beside it. A notification wakes them; polling finds the jobs whose
notification was lost. Writing and sending have separate hands, tasks that live as long as the worker, so a slow mail
server delays no writing. Each job runs in a task of its own, so that nothing of it is left in the hand.

Claims go round by account: the account whose exports were taken up longest ago comes first. An account has at most half
of a worker's senders at a time.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from time import monotonic
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.errors import SessionGraphError
from session_graph.exports.csv_file import DamagedFile, LostLease, Progress, write_file
from session_graph.exports.delivery import COULD_NOT_SEND, Deliverer
from session_graph.exports.jobs import MOST_ATTEMPTS, Jobs
from session_graph.exports.mail import choose_transport
from session_graph.exports.requester_rights import find_requester
from session_graph.exports.requests import QUEUE, ExportStatus
from session_graph.settings import PREFIX, Settings
from session_graph.store.background import CONNECTION_ERRORS, STORE_FAILED, run_forever
from session_graph.store.database import Database, Row
from session_graph.store.notifications import Listener

LOGGER = logging.getLogger(__name__)

WRITERS = 2
SENDERS = 4
SENDERS_OF_ACCOUNT = SENDERS // 2
HEARTBEAT_SECONDS = 0.8
POLL_SECONDS = 2.0
RECOVERY_SECONDS = 60.0
"""How long a worker tries to record the end of a job while the database is unavailable."""
RECOVERY_PAUSE_SECONDS = 1.0
STEP_SECONDS = 3.0
LONGEST_PAUSE_SECONDS = 60

NO_LONGER_ALLOWED = "The requester may no longer see the rows or the columns of this export."
NOBODY_ACCEPTED = "The file is written, but no recipient's mail server has accepted it: {error}"
COULD_NOT_WRITE = "The export could not be written after {attempts} attempts."

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
        self._sending: dict[tuple[UUID, int], UUID] = {}
        """The accounts of the claims that are being sent."""
        self._one_claims = asyncio.Lock()

    async def run(self) -> None:
        if not self._settings.mail:
            LOGGER.warning("Mail is switched off (%sMAIL=off): exports are written, and no message is sent", PREFIX)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_forever(self._listen, POLL_SECONDS))
            claim_to_write = partial(self._jobs.claim_to_write, self._settings.exports_running)
            for _ in range(WRITERS):
                tasks.create_task(run_forever(partial(self._work, claim_to_write, self._write)))
            for _ in range(SENDERS):
                tasks.create_task(run_forever(partial(self._work, self._claim_to_send, self._send)))

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
        """Wake all hands that wait for a job or are about to."""
        self._wakeup.set()
        self._wakeup = asyncio.Event()

    async def _claim_to_send(self) -> Row | None:
        """Claim for one sender after the other, so that each sees which accounts have their share of senders."""
        async with self._one_claims:
            senders = Counter(self._sending.values())
            job = await self._jobs.claim_to_send(a for a, number in senders.items() if number >= SENDERS_OF_ACCOUNT)
            if job:
                self._sending[job["id"], job["claims"]] = job["account_id"]
            return job

    async def _run_job(self, job: Row, handle: Handler) -> None:
        """Run a claimed job in a task of its own, stop it if its lease is lost, and record in its row how it ended."""
        progress = Progress()
        work = asyncio.ensure_future(handle(job, progress))
        lease = asyncio.create_task(self._hold_lease(job, progress))
        try:
            await asyncio.wait([work, lease], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await _stop(work)
                await self._end_without_lease(job)
            elif error := work.exception():
                await self._fail(job, error)
        except asyncio.CancelledError:
            await _stop(work)
            await self._hand_back(job, partial(self._jobs.release, job, timedelta(0), refund_attempt=True), seconds=0)
            raise
        finally:
            lease.cancel()
            self._sending.pop((job["id"], job["claims"]), None)

    async def _write(self, job: Row, progress: Progress) -> None:
        viewer = await self._find_requester(job)
        if viewer is None:
            return
        file = await write_file(self._database, self._url, job, viewer, progress)
        if not await self._jobs.finish_writing(job, file, timedelta(days=self._settings.export_days)):
            raise LostLease
        self._wake()

    async def _send(self, job: Row, progress: Progress) -> None:
        await self._deliverer.give_up(job)
        state = await self._deliverer.read_state(job)
        if state["waiting"]:
            viewer = await self._find_requester(job)
            if viewer is None:
                return
            await self._deliverer.send_due(job, viewer)
            state = await self._deliverer.read_state(job)
        await self._end_sending(job, state)

    async def _end_sending(self, job: Row, state: Row) -> None:
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

    async def _fail(self, job: Row, error: BaseException) -> None:
        """Release the job for another attempt, or end it if that cannot help."""
        if isinstance(error, LostLease):
            await self._end_without_lease(job)
        elif isinstance(error, CONNECTION_ERRORS):
            LOGGER.warning("export %s: the database is unavailable: %s", job["id"], type(error).__name__)
            await self._refund(job)
            await self._hand_back(job, partial(self._jobs.release, job, _pause_of(job)))
        else:
            LOGGER.error("export %s failed", job["id"], exc_info=error)
            await self._hand_back(job, partial(self._end_failed, job, error))

    async def _end_failed(self, job: Row, error: BaseException) -> None:
        if isinstance(error, DamagedFile):
            await self._jobs.fail_without_file(job, error.message)
        elif job["status"] == ExportStatus.SENDING:
            if not isinstance(error, STORE_FAILED):
                await self._deliverer.put_off(job, COULD_NOT_SEND)
            await self._jobs.release(job, timedelta(seconds=5), error=COULD_NOT_SEND)
        elif isinstance(error, SessionGraphError):
            await self._jobs.finish(job, ExportStatus.FAILED, error.message)
        elif job["attempts"] >= MOST_ATTEMPTS:
            await self._jobs.finish(job, ExportStatus.FAILED, COULD_NOT_WRITE.format(attempts=job["attempts"]))
        else:
            await self._jobs.release(job, _pause_of(job))

    async def _end_without_lease(self, job: Row) -> None:
        """Refund the attempt: this worker was halted or cut off, and has not been killed by the job."""
        LOGGER.info("lost the lease of export %s", job["id"])
        await self._refund(job)

    async def _refund(self, job: Row) -> None:
        if job["status"] == ExportStatus.RUNNING:
            await self._hand_back(job, partial(self._jobs.refund_attempt, job))

    async def _hand_back(
        self, job: Row, step: Callable[[], Awaitable[None]], seconds: float = RECOVERY_SECONDS
    ) -> None:
        """Record the end of a job, trying for `seconds` if the database is unavailable; else its lease expires."""
        end = monotonic() + seconds
        while True:
            try:
                async with asyncio.timeout(STEP_SECONDS):
                    await step()
                break
            except Exception as error:
                if not isinstance(error, CONNECTION_ERRORS) or monotonic() > end:
                    LOGGER.warning("export %s could not be handed back: its lease expires", job["id"], exc_info=error)
                    break
            await asyncio.sleep(RECOVERY_PAUSE_SECONDS)

    async def _hold_lease(self, job: Row, progress: Progress) -> None:
        """Send heartbeats; return if the lease is lost."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            with suppress(*STORE_FAILED):
                if not await self._jobs.heartbeat(job, progress if progress.row_count is not None else None):
                    return

    async def _listen(self) -> None:
        """Wake the tasks when a job is queued, and when the listener has reconnected."""
        with self._listener.topic(QUEUE) as topic:
            while True:
                seen = topic.count
                self._wake()
                await topic.wait(seen)


async def _stop(work: asyncio.Future[None]) -> None:
    """Cancel the task and wait until it has ended."""
    work.cancel()
    await asyncio.wait([work])


def _pause_of(job: Row) -> timedelta:
    """Return the pause before the next attempt at writing, which doubles with each claim."""
    return timedelta(seconds=min(2 ** job["claims"], LONGEST_PAUSE_SECONDS))
