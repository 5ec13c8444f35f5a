"""The scheduler: says when. Each occasion is written down before its work is done, so two schedulers do it once.

The alarm only wakes it: which occasions are due is told by the schedule and by the last one that was taken, so that
what passed while nothing ran is made up for as the job's `missed` says.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from tracker.domain.cron import due
from tracker.domain.duration import TOLERANCE
from tracker.errors import Unavailable
from tracker.process import retention
from tracker.reconcile import drift_monitor, silence_monitor
from tracker.runtime.logger import Logger
from tracker.store.calls import reconciliations, schedule_runs
from tracker.store.calls.provider_heartbeats import LEARNT_FROM
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tracker.providers.base import FactReader
    from tracker.providers.watched import Watching
    from tracker.settings import Job, ReconcileJob, Settings
    from tracker.store.database import Connection, Database

    Plan = Callable[[Connection, datetime], Awaitable[None]]
    Work = Callable[[datetime], Awaitable[None]]
    Ring = Callable[[], Awaitable[bool]]

log = Logger(__name__)

KEPT_OCCASIONS = timedelta(days=7)
KEPT_QUESTIONS = timedelta(days=7)

AGAIN = timedelta(seconds=30)
"""After so long a job that could not be done is tried again, where its next time is not sooner."""

LOOK = 5.0
"""Seconds after which it is seen that the clock was moved."""

MOVED = timedelta(seconds=2)
"""A clock that is off by more from one look to the next was moved."""


class Scheduler:
    """The jobs of one installation: seal and prune, the deadman and the drift watch, and the questions to providers."""

    def __init__(
        self,
        database: Database,
        readers: Mapping[str, FactReader],
        settings: Settings,
        clock: Callable[[], datetime],
        watchings: Mapping[str, Watching] | None = None,
    ) -> None:
        self._database, self._readers, self._settings, self._clock = database, readers, settings, clock
        self._watchings = watchings or {}

    async def run(self) -> None:
        """Run the jobs as they are due, until cancelled."""
        alarm = Alarm()
        jobs = self._settings.jobs
        work = {"seal": self._seal, "prune": self._prune, "deadman": self._deadman, "drift": self._drift}
        plans = {name: partial(self._reconcile, name, job) for name, job in jobs.reconciling.items()}
        for name, job in jobs.by_name.items():
            alarm.add(name, job, partial(self.occasions, name, job, plans.get(name), work.get(name)))
        await alarm.run()

    async def occasions(self, name: str, job: Job, plan: Plan | None = None, work: Work | None = None) -> bool:
        """Do what is due now: `plan` in the transaction that takes the occasion, `work` after it.

        Whether it could be done; what could not is said.
        """
        now = self._clock()
        try:
            for moment in due(job.schedule, job.missed, await self._last(name, now), now):
                async with self._database.transaction() as conn:
                    taken = await schedule_runs.take(conn, name, moment, now)
                    if taken and plan:
                        await plan(conn, now)
                if taken and work:
                    await self._do(work, name, moment, now)
        except Unavailable as error:
            log.warning("schedule.postponed", schedule=name, error=str(error))
            return False
        except Exception as error:
            log.error("schedule.failed", schedule=name, error=str(error), exc_info=error)
            return False
        return True

    async def _do(self, work: Work, name: str, moment: datetime, now: datetime) -> None:
        """Where it fails, the occasion is free again."""
        try:
            await work(now)
        except Exception:
            async with self._database.connection() as conn:
                await schedule_runs.release(conn, name, moment)
            raise

    async def _last(self, name: str, now: datetime) -> datetime | None:
        """The latest occasion that was taken; those that a clock took too early are free again, of every job."""
        async with self._database.transaction() as conn:
            for schedule, freed in (
                await schedule_runs.give_back(conn, self._settings.jobs.by_name, now + TOLERANCE)
            ).items():
                log.warning("schedule.clock_was_ahead", schedule=schedule, given_back=freed)
            return await schedule_runs.last(conn, name, now)

    async def _reconcile(self, name: str, job: ReconcileJob, conn: Connection, now: datetime) -> None:
        for provider, settings in self._settings.providers.items():
            if settings.api_key.get_secret_value() and (not job.providers or provider in job.providers):
                await reconciliations.want(conn, name, provider, now, window=job.window)

    async def _deadman(self, now: datetime) -> None:
        patience = {name: provider.quiet_after or None for name, provider in self._settings.providers.items()}
        await silence_monitor.check_silence(self._database, patience, now)

    async def _drift(self, now: datetime) -> None:
        await drift_monitor.look(self._database, self._watchings, now)

    async def _seal(self, now: datetime) -> None:
        await retention.open_days_ahead(self._database, now)
        await retention.seal_past_days(self._database, now)

    async def _prune(self, now: datetime) -> None:
        kept = self._settings.retention
        await retention.prune(self._database, self._readers, now, kept)
        async with self._database.transaction() as conn:
            await schedule_runs.forget(conn, now - KEPT_OCCASIONS)
            await reconciliations.forget(conn, now - kept.actions)
            await overdue_posts.forget(
                conn, questions=now - KEPT_QUESTIONS, findings=now - max(kept.events, LEARNT_FROM)
            )


class Alarm:
    """Rings each job at once, and then at its times; one that rings does not ring again before it is done."""

    def __init__(self, look: float = LOOK) -> None:
        self._look = look
        # A job is set anew while it still counts as one that runs, so that there may be two of it for a moment.
        defaults = {"coalesce": True, "misfire_grace_time": None, "max_instances": 2}
        self._bells = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)

    def add(self, name: str, job: Job, ring: Ring) -> None:
        """It has one that rings; True: all is done until the job's next time."""
        self._set(name, job, ring, datetime.now(UTC))

    async def run(self) -> None:
        """Until cancelled. Bells go by the clock, so they ring whenever that was moved, and are set anew."""
        self._bells.start()
        try:
            clock, passed = datetime.now(UTC), time.monotonic()
            while True:
                await asyncio.sleep(self._look)
                expected = clock + timedelta(seconds=time.monotonic() - passed)
                clock, passed = datetime.now(UTC), time.monotonic()
                if abs(clock - expected) > MOVED:
                    log.warning("schedule.clock_moved", by=str(clock - expected))
                    for bell in self._bells.get_jobs():
                        bell.modify(next_run_time=clock)
        finally:
            self._bells.shutdown(wait=False)

    def _set(self, name: str, job: Job, ring: Ring, at: datetime) -> None:
        self._bells.add_job(
            self._rung, "date", run_date=at, args=(name, job, ring), id=name, name=name, replace_existing=True
        )

    async def _rung(self, name: str, job: Job, ring: Ring) -> None:
        done = await ring()
        now = datetime.now(UTC)
        times = [job.schedule.after(now), None if done else now + AGAIN]
        if known := [moment for moment in times if moment]:
            self._set(name, job, ring, min(known))
