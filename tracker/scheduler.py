"""The scheduler: says when. Each occasion is written down before its work is done, so two schedulers do it once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from tracker import retention
from tracker.errors import Unavailable
from tracker.store import actions, fires

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tracker.providers.base import FactReader
    from tracker.settings import Settings
    from tracker.store.database import Database

log = structlog.get_logger(__name__)

MINUTE = timedelta(minutes=1)
KEPT_OCCASIONS = timedelta(days=7)


class Scheduler:
    """The maintenance of one installation: rescue, seal and prune."""

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
        for name, job, work in (
            ("rescue", jobs.rescue, self._rescue),
            ("seal", jobs.seal, self._seal),
            ("prune", jobs.prune, self._prune),
        ):
            trigger = (
                CronTrigger.from_crontab(job.cron, ZoneInfo(job.timezone))
                if job.cron
                else IntervalTrigger(seconds=max(job.every.total_seconds(), 1))
            )
            alarm.add_job(self._occasion, trigger, (name, job.every or MINUTE, work), id=name)
        await self._occasion("seal", jobs.seal.every or MINUTE, self._seal)
        alarm.start()
        try:
            await asyncio.Event().wait()
        finally:
            alarm.shutdown(wait=False)

    async def _occasion(self, name: str, grain: timedelta, work: Callable[[datetime], Awaitable[None]]) -> None:
        """Do the work, unless another scheduler has taken this occasion."""
        now = self._clock()
        try:
            async with self._database.connection() as conn:
                taken = await fires.take(conn, name, occasion(now, grain), now)
            if taken:
                await work(now)
        except Unavailable as error:
            log.warning("schedule.postponed", schedule=name, error=str(error))

    async def _rescue(self, now: datetime) -> None:
        async with self._database.transaction() as conn:
            if rescued := await actions.rescue(conn, now):
                log.warning("worker.rescued", actions=rescued)

    async def _seal(self, now: datetime) -> None:
        await retention.open_days_ahead(self._database, now)
        await retention.seal_past_days(self._database, now)

    async def _prune(self, now: datetime) -> None:
        await retention.prune(self._database, self._readers, now, self._settings.retention)
        async with self._database.transaction() as conn:
            await fires.forget(conn, now - KEPT_OCCASIONS)


def occasion(now: datetime, grain: timedelta) -> datetime:
    """The moment that stands for all of its `grain` of time, the same on every node."""
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return start + (now - start) // grain * grain
