"""What the page of the installation's health finds, read from the store alone: nobody is called for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracker.dashboard.glance import Glance
from tracker.dashboard.lookout import MOST_PARKED, waiting
from tracker.dashboard.provider_health import ProviderHealth, provider_health
from tracker.domain.rhythm import LEARNT_FROM
from tracker.errors import TrackerError
from tracker.settings import Job, Settings
from tracker.store import fires, health_reports, heard, migrations, standings

if TYPE_CHECKING:
    from tracker.dashboard.lookout import Faults
    from tracker.dashboard.visitor import Clock
    from tracker.store.database import Connection, Database, Row
    from tracker.store.health_reports import Reader

PAUSE = 5.0
LATELY = timedelta(days=1)
OVERDUE = timedelta(minutes=2)


def _nobody_knows(_job: Job, _moment: datetime) -> datetime | None:
    """When a job is due, where nothing is scheduled."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The configuration; `doors` are the providers that send webhooks; `next_time` tells when a job is due."""

    settings: Settings = field(default_factory=Settings)
    doors: Collection[str] = ()
    next_time: Callable[[Job, datetime], datetime | None] = _nobody_knows


@dataclass(frozen=True, slots=True)
class JobHealth:
    """When a job was last done and is due next; `overdue`: it should have been done since."""

    name: str
    last: datetime | None
    due: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What one look found.

    `schema` is why the database does not fit this version, `clock` how far the database's is from ours, `forged` the
    number of wrong signatures lately by provider, `waiting` how much of each kind waits for a person.
    """

    postgres: int
    schema: str
    clock: timedelta
    readers: list[Reader]
    leases: list[Row]
    open_days: int
    sizes: Row
    parked: list[Row]
    waiting: dict[str, int]
    forged: dict[str, int]
    refused: list[str]
    providers: list[ProviderHealth]
    jobs: list[JobHealth]

    @property
    def clock_is_off(self) -> bool:
        """By so much that leases and times of arrival suffer."""
        return self.clock > health_reports.CLOCK_OFF

    @property
    def lagging(self) -> list[tuple[str, timedelta]]:
        """Readers that work and are far behind, with by how much."""
        lags = [(one.name, timedelta(seconds=round(one.lag or 0))) for one in self.readers if not one.fault]
        return [(name, lag) for name, lag in lags if lag > health_reports.BEHIND]

    @property
    def unscheduled(self) -> bool:
        """No job at all is done."""
        return all(job.overdue or job.last is None for job in self.jobs)

    @property
    def attention(self) -> int:
        """How many things need somebody."""
        unready = bool(self.schema) + self.clock_is_off + (not self.open_days)
        jobs = 1 if self.unscheduled else sum(job.overdue for job in self.jobs)
        readers = sum(bool(reader.fault) for reader in self.readers) + len(self.lagging)
        found = bool(self.refused) + bool(self.parked) + bool(self.forged) + sum(map(bool, self.waiting.values()))
        return unready + jobs + readers + found + sum(len(provider.troubles) for provider in self.providers)


class Checkup:
    """Looks for everybody who has the page open."""

    def __init__(
        self, database: Database, clock: Clock, subscriptions: Sequence[str], rule_faults: Faults, known: Installation
    ) -> None:
        self._dsn, self._clock, self._subscriptions = database.dsn, clock, subscriptions
        self._rule_faults, self._known = rule_faults, known
        self._glance = Glance(database, self._look, PAUSE)

    async def health(self) -> Health:
        """How it is, not longer than a few seconds ago."""
        return await self._glance.found()

    async def _look(self, conn: Connection) -> Health:
        now, silence = self._clock(), self._known.settings.engine.silence
        return Health(
            postgres=await health_reports.server_version(conn),
            schema=await self._schema(),
            clock=await health_reports.clock_difference(conn, self._clock),
            readers=await health_reports.readers(conn, self._subscriptions, silence),
            leases=await health_reports.leases(conn, self._subscriptions),
            open_days=await health_reports.open_days(conn, now),
            sizes=await health_reports.sizes(conn),
            parked=await health_reports.parked(conn, MOST_PARKED),
            waiting=await waiting(conn),
            forged=await health_reports.forged(conn, now - LATELY),
            refused=[str(fault) for fault in self._rule_faults()],
            providers=await self._providers(conn, now),
            jobs=await self._jobs(conn, now),
        )

    async def _schema(self) -> str:
        try:
            await migrations.require_current(self._dsn)
        except TrackerError as error:
            return str(error)
        return ""

    async def _providers(self, conn: Connection, now: datetime) -> list[ProviderHealth]:
        known = {standing.provider: standing for standing in await standings.everyone(conn)}
        providers, silent = self._known.settings.providers, await heard.silent(conn)
        last = await heard.last_of_each(conn, providers.keys(), now - LEARNT_FROM)
        return [
            provider_health(
                name, settings, known.get(name), heard_at=last.get(name),
                silent=name in silent and last.get(name, silent[name]) <= silent[name], sends=name in self._known.doors,
            )
            for name, settings in providers.items()
        ]  # fmt: skip

    async def _jobs(self, conn: Connection, now: datetime) -> list[JobHealth]:
        jobs, due = self._known.settings.jobs.by_name, self._known.next_time
        last = await fires.last_of_each(conn, list(jobs), now)
        return [
            JobHealth(name, at, due(job, now), overdue=at is not None and (due(job, at) or now) < now - OVERDUE)
            for name, job in jobs.items()
            for at in (last[name],)
        ]
