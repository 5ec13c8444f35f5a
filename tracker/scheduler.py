"""The scheduler: says when. Each occasion is written down before its work is done, so two schedulers do it once.

The alarm only wakes it: which occasions are due is told by the schedule and by the last one that was taken, so that
what passed while nothing ran is made up for as the job's `missed` says.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from tracker import deadman, retention
from tracker.domain.rhythm import LEARNT_FROM
from tracker.errors import Unavailable
from tracker.store import action_claims, fires, reconciliations, suspects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from apscheduler.triggers.base import BaseTrigger

    from tracker.providers.base import FactReader
    from tracker.settings import Job, ReconcileJob, Settings
    from tracker.store.database import Connection, Database

    Plan = Callable[[Connection, datetime], Awaitable[None]]
    Work = Callable[[datetime], Awaitable[None]]

log = structlog.get_logger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEPT_OCCASIONS = timedelta(days=7)
KEPT_QUESTIONS = timedelta(days=7)
MOST_CAUGHT_UP = 100
MOST_MISSED = 10_000


class Scheduler:
    """The jobs of one installation: rescue, seal and prune, the deadman, and the questions to providers."""

    def __init__(
        self,
        database: Database,
        readers: Mapping[str, FactReader],
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._readers, self._settings, self._clock = database, readers, settings, clock

    async def run(self) -> None:
        """Until cancelled."""
        alarm = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        jobs = self._settings.jobs
        rings = [
            self._ring("rescue", jobs.rescue, work=self._rescue),
            self._ring("seal", jobs.seal, work=self._seal),
            self._ring("prune", jobs.prune, work=self._prune),
            self._ring("deadman", jobs.deadman, work=self._deadman),
            *(self._ring(name, job, partial(self._reconcile, name, job)) for name, job in jobs.reconciling.items()),
        ]
        for trigger, ring in rings:
            alarm.add_job(ring, trigger, next_run_time=datetime.now(UTC))
        alarm.start()
        try:
            await asyncio.Event().wait()
        finally:
            alarm.shutdown(wait=False)

    def _ring(
        self, name: str, job: Job, plan: Plan | None = None, work: Work | None = None
    ) -> tuple[BaseTrigger, Callable[[], Awaitable[None]]]:
        """When a job is due, and what is done then."""
        trigger = trigger_of(job)
        return trigger, partial(self.occasions, name, job, trigger, plan, work)

    async def occasions(
        self, name: str, job: Job, trigger: BaseTrigger, plan: Plan | None = None, work: Work | None = None
    ) -> None:
        """Do what is due now: `plan` in the transaction that takes the occasion, `work` after it."""
        now = self._clock()
        try:
            async with self._database.connection() as conn:
                last = await fires.last(conn, name, now)
            for moment in due(trigger, job, last, now):
                async with self._database.transaction() as conn:
                    taken = await fires.take(conn, name, moment, now)
                    if taken and plan:
                        await plan(conn, now)
                if taken and work:
                    await work(now)
        except Unavailable as error:
            log.warning("schedule.postponed", schedule=name, error=str(error))

    async def _reconcile(self, name: str, job: ReconcileJob, conn: Connection, now: datetime) -> None:
        for provider, settings in self._settings.providers.items():
            if settings.api_key.get_secret_value() and (not job.providers or provider in job.providers):
                await reconciliations.want(conn, name, provider, now, window=job.window)

    async def _deadman(self, now: datetime) -> None:
        patience = {name: provider.quiet_after or None for name, provider in self._settings.providers.items()}
        await deadman.look(self._database, patience, now)

    async def _rescue(self, now: datetime) -> None:
        async with self._database.transaction() as conn:
            if rescued := await action_claims.rescue(conn, now):
                log.warning("worker.rescued", actions=rescued)

    async def _seal(self, now: datetime) -> None:
        await retention.open_days_ahead(self._database, now)
        await retention.seal_past_days(self._database, now)

    async def _prune(self, now: datetime) -> None:
        kept = self._settings.retention
        await retention.prune(self._database, self._readers, now, kept)
        async with self._database.transaction() as conn:
            await fires.forget(conn, now - KEPT_OCCASIONS)
            await reconciliations.forget(conn, now - kept.actions)
            await suspects.forget(conn, questions=now - KEPT_QUESTIONS, findings=now - max(kept.events, LEARNT_FROM))


def trigger_of(job: Job) -> BaseTrigger:
    """When the job is due; the occasions of an interval are the same on every node."""
    if job.cron:
        return CronTrigger.from_crontab(job.cron, ZoneInfo(job.timezone))
    return IntervalTrigger(seconds=max(job.every.total_seconds(), 1), start_date=EPOCH, timezone=UTC)


def due(trigger: BaseTrigger, job: Job, last: datetime | None, now: datetime) -> list[datetime]:
    """The occasions to take now, `last` being the latest that was taken."""
    grain = job.every or MINUTE
    moments: list[datetime] = []
    moment = next_time(trigger, max(last, now - MOST_MISSED * grain) if last else now - grain)
    while moment and moment <= now:
        moments.append(moment)
        moment = next_time(trigger, moment)
    if job.missed == "catch_up":
        return moments[-MOST_CAUGHT_UP:]
    if job.missed == "skip":
        return [moment for moment in moments[-1:] if now - moment <= MINUTE]
    return moments[-1:]


def next_time_of(job: Job, moment: datetime) -> datetime | None:
    """When the job is due next after that moment."""
    return next_time(trigger_of(job), moment)


def next_time(trigger: BaseTrigger, moment: datetime) -> datetime | None:
    """The occasion after that moment."""
    following: datetime | None = trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
    return following
