"""The installation's health: what needs somebody, and how the database, the readers, providers and jobs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.installation import Installation
from tracker.dashboard.overview import MOST_PARKED, Cached, waiting
from tracker.dashboard.session import Here
from tracker.domain.calls.call_budget import Purpose, left
from tracker.domain.calls.call_limits import CLOCK_OFF, Calling, CallLimits
from tracker.domain.drift.findings import Drift
from tracker.errors import TrackerError
from tracker.queries import drifts, health
from tracker.reconcile.silence_monitor import LEARNT_FROM
from tracker.settings import Job
from tracker.store import migrations
from tracker.store.calls import call_limits, provider_heartbeats, schedule_runs
from tracker.store.checkpoints import processes

if TYPE_CHECKING:
    from tracker.dashboard.rules import RuleTrouble, Troubled
    from tracker.dashboard.session import Clock
    from tracker.domain.posts.provider_clock import ProviderClock
    from tracker.queries.drifts import DriftOut
    from tracker.queries.health import Lease, Parked, Reader, Sizes
    from tracker.runtime.supervision import Failing
    from tracker.settings import Provider
    from tracker.store.calls.schedule_runs import ScheduleRun
    from tracker.store.database import Connection, Database

STANDINGS = (*Calling, "unasked", "keyless")


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A configured provider; `limits` say how calls of it went, and `sends` whether it has a door here.

    `heard_at` is when its last webhook came, `times` how the times in them differ from when they came.
    """

    settings: Provider
    limits: CallLimits
    sends: bool
    heard_at: datetime | None
    silent: bool
    times: ProviderClock | None

    @property
    def name(self) -> str:
        """As in [providers.<name>]."""
        return self.limits.provider

    @property
    def standing(self) -> str:
        """One of STANDINGS."""
        if not self.settings.api_key.get_secret_value():
            return "keyless"
        return self.limits.calling(self.settings.budget) if self.limits.at else "unasked"

    @property
    def until(self) -> datetime | None:
        """When that is over, where it is known."""
        ends: dict[str, datetime | None]
        ends = {Calling.PAUSED: self.limits.breaker.open_until, Calling.PUT_OFF: self.limits.put_off_until}
        return ends.get(self.standing)

    @property
    def left(self) -> int:
        """How many calls for rules could be made now."""
        limits = self.limits
        return left(limits.windows, self.settings.budget, Purpose.REACTION, limits.at) if limits.at else 0

    @property
    def troubles(self) -> list[str]:
        """What needs somebody, in words of the dashboard."""
        has, kept, skew = self.limits.credits, self.settings.credits_kept, self.limits.skew
        troubles = {
            self.standing: self.standing in set(Calling) - {Calling.ANSWERS},
            "credits": has is not None and 0 < kept >= has,
            "skew": skew is not None and abs(skew) > CLOCK_OFF,
            "silent": self.silent,
            "times": self.times is not None and self.times.off_by is not None,
        }
        return [word for word, wrong in troubles.items() if wrong]


PAUSE = 5.0
LATELY = timedelta(days=1)
OVERDUE = timedelta(minutes=2)
"""So long after its time a job that is not done is missed."""


@dataclass(frozen=True, slots=True)
class JobHealth:
    """When a job was last begun and is due next; `overdue`: it should have been done since.

    One that skips what it missed is never overdue: it is not going to be made up for.
    """

    name: str
    last: datetime | None
    due: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What one look found.

    `schema` is why the database does not fit this version, `clock` how far the database's is from ours, `forged` the
    number of wrong signatures lately by provider, `waiting` how much of each kind waits for a person, `failing` the
    agents that keep failing, each with its node and how it fails, `drifts` what has changed in what providers send.
    """

    postgres: int
    schema: str
    clock: timedelta
    readers: list[Reader]
    leases: list[Lease]
    open_days: int
    sizes: Sizes
    parked: list[Parked]
    waiting: dict[str, int]
    forged: dict[str, int]
    rules: RuleTrouble
    providers: list[ProviderHealth]
    jobs: list[JobHealth]
    failing: list[tuple[str, str, Failing]]
    drifts: list[DriftOut]

    @property
    def clock_is_off(self) -> bool:
        """By so much that leases and times of arrival suffer."""
        return self.clock > health.CLOCK_OFF

    @property
    def lagging(self) -> list[tuple[str, timedelta]]:
        """Readers that work and are far behind, with by how much."""
        lags = [(one.name, timedelta(seconds=round(one.lag or 0))) for one in self.readers if not one.fault]
        return [(name, lag) for name, lag in lags if lag > health.BEHIND]

    @property
    def unscheduled(self) -> bool:
        """No job at all is done."""
        return all(job.overdue or job.last is None for job in self.jobs)

    @property
    def unmapped(self) -> list[DriftOut]:
        """What has changed in what providers send, and is read from it; a new field alone needs nobody."""
        return [one for one in self.drifts if one.drift != Drift.FIELD]

    @property
    def attention(self) -> int:
        """How many things need somebody."""
        unready = bool(self.schema) + self.clock_is_off + (not self.open_days)
        jobs = 1 if self.unscheduled else sum(job.overdue for job in self.jobs)
        readers = sum(bool(reader.fault) for reader in self.readers) + len(self.lagging)
        found = self.rules.number + bool(self.parked) + bool(self.forged) + sum(map(bool, self.waiting.values()))
        troubles = sum(len(provider.troubles) for provider in self.providers)
        return len(self.unmapped) + len(self.failing) + unready + jobs + readers + found + troubles


class HealthData:
    """Looks for everybody who has the page open."""

    def __init__(
        self, database: Database, clock: Clock, subscriptions: Sequence[str], troubled: Troubled, known: Installation
    ) -> None:
        self._dsn, self._clock, self._subscriptions = database.dsn, clock, subscriptions
        self._troubled, self._known = troubled, known
        self._glance = Cached(database, self._look, PAUSE)

    async def health(self) -> Health:
        """How it is, not longer than a few seconds ago."""
        return await self._glance.found()

    async def _look(self, conn: Connection) -> Health:
        now, silence = self._clock(), self._known.settings.engine.silence
        return Health(
            postgres=await health.server_version(conn),
            schema=await self._schema(),
            clock=await health.clock_difference(conn, self._clock),
            readers=await health.readers(conn, self._subscriptions, silence),
            leases=await health.leases(conn, self._subscriptions),
            open_days=await health.open_days(conn, now),
            sizes=await health.sizes(conn),
            parked=await health.parked(conn, MOST_PARKED),
            waiting=await waiting(conn),
            forged=await health.forged(conn, now - LATELY),
            rules=self._troubled(),
            providers=await self._providers(conn, now),
            jobs=await self._jobs(conn, now),
            failing=[
                (agent, process.node, how)
                for process in await processes.living(conn)
                for agent, how in process.failing.items()
            ],
            drifts=[one for one in await drifts.open_drifts(conn) if one.provider in self._known.settings.providers],
        )

    async def _schema(self) -> str:
        try:
            await migrations.require_current(self._dsn)
        except TrackerError as error:
            return str(error)
        return ""

    async def _providers(self, conn: Connection, now: datetime) -> list[ProviderHealth]:
        known = {limits.provider: limits for limits in await call_limits.list_all(conn)}
        providers, silent = self._known.settings.providers, await provider_heartbeats.silent(conn)
        last = await provider_heartbeats.last_of_each(conn, providers.keys(), now - LEARNT_FROM)
        times = await health.provider_clocks(conn, self._known.doors, now - LEARNT_FROM)
        return [
            ProviderHealth(
                settings, known.get(name) or CallLimits(name), name in self._known.doors, last.get(name),
                name in silent and last.get(name, silent[name]) <= silent[name], times.get(name),
            )
            for name, settings in providers.items()
        ]  # fmt: skip

    async def _jobs(self, conn: Connection, now: datetime) -> list[JobHealth]:
        jobs = self._known.settings.jobs.by_name
        last = await schedule_runs.last_of_each(conn, list(jobs), now)
        return [job_health(name, job, last.get(name), now) for name, job in jobs.items()]


def job_health(name: str, job: Job, last: ScheduleRun | None, now: datetime) -> JobHealth:
    """How a job stands, `last` being the latest of its times that was taken."""
    missed = job.schedule.after(last.at) if last and job.missed != "skip" else None
    overdue = missed is not None and missed < now - OVERDUE
    return JobHealth(name, last.taken_at if last else None, job.schedule.after(now), overdue)


@get("/health")
async def show_health(visit: Here, checkup: NamedDependency[HealthData]) -> Response[Any]:
    """What `tracker doctor` knows, for people."""
    return visit.page("health", found=await checkup.health(), most_parked=MOST_PARKED)
