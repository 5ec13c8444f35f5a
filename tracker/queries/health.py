"""How the installation is doing: the readers' heartbeats, what was set aside or waits for a person, and clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracker.domain.posts.provider_clock import TOLERATED, ProviderClock
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tracker.store.database import Connection

BEHIND, FAR_BEHIND = timedelta(minutes=1), timedelta(minutes=15)
"""Longer than this, a reader is a worry, or a fault."""

CLOCK_OFF, CLOCK_FAR_OFF = timedelta(seconds=2), timedelta(seconds=30)
"""By more than this, our clock and the database's are a worry, or a fault."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One subscription: `silent` of its buckets show no sign of life; `lag` is in seconds, None before a first read."""

    name: str
    buckets: int
    silent: int
    lag: float | None

    @property
    def fault(self) -> str:
        """Why it does not do its work; empty when it does."""
        if not self.buckets:
            return "was never begun: no process has run with the role worker"
        return f"{self.silent} of its {self.buckets} buckets show no sign of life" if self.silent else ""


@dataclass(frozen=True, slots=True)
class Lease:
    """How many buckets of a subscription a node reads, and whether its lease has lapsed; no owner: nobody."""

    name: str
    owner: str | None
    buckets: int
    lapsed: bool


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the database, of the quarantine and of the log, and how many days the log has."""

    database: int
    quarantine: int
    log: int
    days: int


@dataclass(frozen=True, slots=True)
class Parked:
    """What could not be handled by a subscription, and why."""

    subscription: str
    item: int
    error: str
    parked_at: datetime


READERS = """
select wanted.name, count(s.bucket) as buckets,
       count(s.bucket) filter (where s.heartbeat_at is null
                                  or s.heartbeat_at < clock_timestamp() - $2::interval) as silent,
       case when bool_and(s.caught_up_at is not null)
            then greatest(extract(epoch from clock_timestamp() - min(s.caught_up_at)), 0)::float8 end as lag
  from unnest($1::text[]) as wanted (name) left join subscriptions s on s.name = wanted.name
 group by wanted.name order by wanted.name
"""

LEASES = """
select name, owner, count(*) as buckets, coalesce(bool_or(leased_until < clock_timestamp()), false) as lapsed
  from subscriptions where name = any($1::text[])
 group by name, owner order by name, owner nulls last
"""

FORGED = """
select provider, count(*) as deliveries from quarantine
 where not authentic and state = 'held' and received_at > $1
 group by provider order by provider
"""

FIRED_AFTER = """
select rule, max(last_at) as last_at from rule_counts where last_at > $1 group by rule order by rule
"""

SIZES = """
select pg_database_size(current_database()) as database, pg_total_relation_size('quarantine') as quarantine,
       (select coalesce(sum(pg_total_relation_size(relid)), 0)::bigint from pg_partition_tree('events') where isleaf)
         as log,
       (select count(*) from log_days) as days
"""

PARKED = "select subscription, item, error, parked_at from parked order by parked_at desc limit $1"

HELD = "select count(*) from quarantine where state = 'held' and authentic"

ARRIVALS = """
select exists (select from deliveries where source = any($1)) as seen, exists (select from quarantine) as held
"""

DAYS_AHEAD = "select count(*) from log_days where day >= $1 and sealed_by is null"

COMMITS = "select current_setting('synchronous_commit')"

STANDBYS = """
select coalesce(nullif(application_name, ''), host(client_addr), pid::text) as name, sync_state
  from pg_stat_replication r
 where state in ('streaming', 'catchup') and sync_state is not null
   and application_name !~ '^(pg_basebackup|pg_receivewal|barman)'
   and not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')
 order by name
"""
"""Without the rights of pg_monitor nothing is told of them, and none is found."""

CLOCK = "select clock_timestamp()"

VERSION = "select current_setting('server_version_num')::integer"


CLOCKS = """
select source as provider, count(*) as told, count(*) filter (where off > $4::interval) as ahead,
       greatest(max(off), interval '0') as largest, percentile_cont(0.5) within group (order by off) as usual,
       percentile_cont(0.25) within group (order by off) as low,
       percentile_cont(0.75) within group (order by off) as high
  from (select source, occurred_at - received_at as off
          from (select source, occurred_at, received_at from events
                 where day >= $1::date order by position desc limit $2) newest
         where source = any($3::text[]) and occurred_at is not null) told
 group by source order by source
"""

LOOKED_THROUGH = 5000
"""Events, from the end of the log."""


async def readers(conn: Connection, names: Sequence[str], patience: timedelta) -> list[Reader]:
    """How each of the subscriptions is; one that was never begun has no buckets."""
    rows = await conn.fetch(READERS, list(names), patience)
    return [into(Reader, row) for row in rows]


async def leases(conn: Connection, names: Sequence[str]) -> list[Lease]:
    """Who reads how much of each of the subscriptions."""
    return [into(Lease, row) for row in await conn.fetch(LEASES, list(names))]


async def forged(conn: Connection, since: datetime) -> dict[str, int]:
    """How many deliveries with a wrong signature are held that came since then, by provider."""
    return {row["provider"]: row["deliveries"] for row in await conn.fetch(FORGED, since)}


async def fired_after(conn: Connection, moment: datetime) -> dict[str, datetime]:
    """Rules that did something after that moment, with when they did the last of it."""
    return {row["rule"]: row["last_at"] for row in await conn.fetch(FIRED_AFTER, moment)}


async def sizes(conn: Connection) -> Sizes:
    """How much is kept."""
    return into(Sizes, await conn.fetchrow(SIZES))


async def parked(conn: Connection, limit: int) -> list[Parked]:
    """What could not be handled, the newest first."""
    return [into(Parked, row) for row in await conn.fetch(PARKED, limit)]


async def held_in_quarantine(conn: Connection) -> int:
    """Authentic deliveries that nobody has replayed or discarded yet."""
    held: int = await conn.fetchval(HELD)
    return held


async def arrivals(conn: Connection, providers: Sequence[str]) -> tuple[bool, bool]:
    """Whether a webhook of these was ever taken, and whether anything was brought to the door at all."""
    row = await conn.fetchrow(ARRIVALS, list(providers))
    return row["seen"], row["seen"] or row["held"]


async def open_days(conn: Connection, today: datetime) -> int:
    """For how many days, from today on, the log has a partition."""
    days: int = await conn.fetchval(DAYS_AHEAD, today.date())
    return days


async def clock_difference(conn: Connection, ours: Callable[[], datetime]) -> timedelta:
    """How far our clock and the database's are apart."""
    before = ours()
    theirs: datetime = await conn.fetchval(CLOCK)
    return abs(theirs - (before + (ours() - before) / 2))


async def may_lose(conn: Connection) -> str:
    """How what was acknowledged could be lost, as Postgres is set; empty where it could not, or nobody tells us."""
    commits = await conn.fetchval(COMMITS)
    if commits == "off":
        return "a crash of Postgres may lose what was acknowledged: synchronous_commit is off"
    standbys = await conn.fetch(STANDBYS)
    if not standbys:
        return ""
    if not any(row["sync_state"] in ("sync", "quorum") for row in standbys):
        names = ", ".join(row["name"] for row in standbys)
        return f"a failover may lose what was acknowledged: no standby is synchronous, of {names}"
    if commits == "local":
        return "a failover may lose what was acknowledged: synchronous_commit is local, so no standby is waited for"
    return ""


async def server_version(conn: Connection) -> int:
    """Postgres' major version."""
    number: int = await conn.fetchval(VERSION)
    return number // 10_000


async def provider_clocks(conn: Connection, providers: Collection[str], since: datetime) -> dict[str, ProviderClock]:
    """Of each provider that has told a time lately."""
    rows = await conn.fetch(CLOCKS, since.date(), LOOKED_THROUGH, list(providers), TOLERATED)
    return {row["provider"]: into(ProviderClock, row) for row in rows}
