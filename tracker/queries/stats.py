"""Figures about the posts that were heard of last within a span of time; the span is found by an index."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from tracker.store.database import Connection, Row

MOST_ACCOUNTS = 100


class PlatformOut(Struct, frozen=True):
    """The targets on one platform."""

    platform: str
    targets: int
    states: Annotated[dict[str, int], Meta(description="How many targets are in each state.")]


class AccountOut(Struct, frozen=True):
    """The targets on one account."""

    platform: str
    account: str
    targets: int
    states: Annotated[dict[str, int], Meta(description="How many targets are in each state.")]


class LatencyOut(Struct, frozen=True):
    """How long after the time that they were scheduled for posts were published, in seconds."""

    posts: Annotated[int, Meta(description="How many posts it is made of.")]
    p50: float | None
    p90: float | None
    p99: float | None


class Ends(Struct, frozen=True):
    """How many posts are published, and how many failed at least in part."""

    published: int
    failed: int


TARGETS = """
select t.value->>'platform' as platform, t.value->>'account' as account, t.value->>'state' as state
  from posts p cross join lateral json_each(p.fold->'targets') t
 where p.projection = (select version from projections where current) and p.last_event_at >= $1 and p.last_event_at < $2
"""

PLATFORMS = f"""
select platform, state, count(*) as targets from ({TARGETS}) t group by platform, state order by platform, state
"""

ACCOUNTS = f"""
with counted as (
  select platform, account, state, count(*) as targets from ({TARGETS}) t
   where account is not null
   group by platform, account, state
), largest as (
  select platform, account from counted
   group by platform, account
   order by sum(targets) desc, platform, account
   limit {MOST_ACCOUNTS}
)
select platform, account, state, targets from counted join largest using (platform, account)
 order by platform, account, state
"""

ENDS = """
select count(*) filter (where state = 'published') as published,
       count(*) filter (where state in ('failed', 'partial')) as failed
  from posts p
 where p.projection = (select version from projections where current) and p.last_event_at >= $1 and p.last_event_at < $2
"""

LATENCY = """
select count(*) as posts,
       percentile_cont(array[0.5, 0.9, 0.99])
         within group (order by extract(epoch from p.published_at - p.scheduled_at)::float8) as percentiles
  from posts p
 where p.projection = (select version from projections where current) and p.last_event_at >= $1 and p.last_event_at < $2
   and p.published_at is not null and p.scheduled_at is not null
"""


PACE = """
select floor(extract(epoch from ended.at - $1::timestamptz) / extract(epoch from $3::interval))::int as slot,
       count(*) filter (where ended.well) as published, count(*) filter (where not ended.well) as failed
  from posts p
 cross join lateral (select state = 'published' as well,
                            case state when 'published' then published_at else failed_at end as at) ended
 where p.projection = (select version from projections where current) and p.last_event_at >= $1
   and p.state in ('published', 'failed', 'partial') and ended.at >= $1 and ended.at < $2
 group by slot
"""


async def platforms(conn: Connection, since: datetime, until: datetime) -> list[PlatformOut]:
    """How many targets of each platform are in each state; the largest first."""
    counted = _by_key(await conn.fetch(PLATFORMS, since, until), "platform")
    return [PlatformOut(key[0], sum(states.values()), states) for key, states in counted]


async def accounts(conn: Connection, since: datetime, until: datetime) -> list[AccountOut]:
    """How many targets of each account are in each state, for the accounts that have the most; the largest first."""
    counted = _by_key(await conn.fetch(ACCOUNTS, since, until), "platform", "account")
    return [AccountOut(key[0], key[1], sum(states.values()), states) for key, states in counted]


async def ends(conn: Connection, since: datetime, until: datetime) -> Ends:
    """How posts ended."""
    return into(Ends, await conn.fetchrow(ENDS, since, until))


async def pace(conn: Connection, since: datetime, until: datetime, slot: timedelta) -> dict[int, tuple[int, int]]:
    """Posts by when they ended as they stand, published and failed, by the number of the slot of that length."""
    return {row["slot"]: (row["published"], row["failed"]) for row in await conn.fetch(PACE, since, until, slot)}


async def latency(conn: Connection, since: datetime, until: datetime) -> LatencyOut:
    """How long posts took from scheduled to published."""
    row = await conn.fetchrow(LATENCY, since, until)
    return LatencyOut(row["posts"], *(row["percentiles"] or (None, None, None)))


def _by_key(rows: Iterable[Row], *names: str) -> list[tuple[tuple[str, ...], dict[str, int]]]:
    """What stands under each key, the largest first."""
    found: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[tuple(row[name] for name in names)][row["state"]] = row["targets"]
    return sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0]))
