"""The log looked back at: the events of posts, of a provider and of a span, from which changes are worked out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.runs.run_signals import OUTCOMES
from tracker.store.log.feed import EVENTS
from tracker.store.posts.posts import logged
from tracker.store.session import columns_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from tracker.domain.posts.event import LoggedEvent
    from tracker.store.database import Connection, Row
    from tracker.store.log.feed import Checkpoint
    from tracker.store.posts.posts import Key

OF_POSTS = f"""
select e.*
  from unnest($1::text[], $2::text[]) as wanted (provider, post)
 cross join lateral (
       select coalesce((select first_day from posts
                         where projection = (select version from projections where current)
                           and provider = wanted.provider and post = wanted.post), '-infinity') as first_day
       offset 0) p
 cross join lateral (
       select {EVENTS.columns} from events
        where provider = wanted.provider and post = wanted.post
          and day between p.first_day and coalesce($7::date, 'infinity') and position < $3
          and ($4::integer is null or epoch < $4 or epoch = $4 and pg_visible_in_snapshot(xid, $5))
        order by position) e
 where not exists (select from parked where subscription = $6 and item = e.position)
 order by e.position
"""
"""The `offset` and the order keep it one look for each post into the index of each of its days."""

PARKED = "select item from parked where subscription = 'processor' and item = any($1::bigint[])"

OF_PROVIDER = f"""
select {EVENTS.columns} from events
 where provider = $1 and day >= (($2::timestamptz - interval '1 hour') at time zone 'UTC')::date
   and received_at >= $2::timestamptz - interval '1 hour' and position < $3
 order by position
 limit $4
"""

GATHERED = f"""
select {EVENTS.columns} from events
 where day >= ($1::timestamptz at time zone 'UTC')::date and received_at > $1 and received_at <= $2
   and ($3::text[] is null or kind = any($3::text[])
        or position in (select cause from transitions
                         where projection = (select version from projections where current)
                           and received_at > $1 and received_at <= $2
                           and ($4::text[] is null or after = any($4::text[]))))
 order by received_at, position
 limit $5
"""

BEGINS = """
select coalesce(
  (select min(position) from events where day >= ($1::timestamptz at time zone 'UTC')::date and received_at >= $1),
  (select max(position) + 1 from events), 0)
"""

IN_ORDER = f"""
select {EVENTS.columns} from events
 where day >= ($1::timestamptz at time zone 'UTC')::date and position >= $2
   and received_at >= $1 - interval '1 hour' and received_at <= $3
 order by position
"""

STOOD = """
select p.provider, p.post, p.fold::text as fold, p.last_day < ($1::timestamptz at time zone 'UTC')::date as still
  from posts p
 where p.projection = (select version from projections where current)
   and (p.last_event_at >= $1 or p.state = any($2::text[]))
   and p.first_day <= ($1::timestamptz at time zone 'UTC')::date
"""

ON_RECORD = """
select id from actions
union
select (convert_from(body, 'UTF8')::jsonb->'detail'->>'action')::uuid from events
 where day >= ($1::timestamptz at time zone 'UTC')::date and received_at >= $1 and kind = any($2::text[])
   and source in ('action', 'manual')
"""

FIRST = "select received_at from events order by position limit 1"

MOST_OF_PROVIDER = 5000
MOST_GATHERED = 50_000
ALL = 2**63 - 1


async def of_posts(
    conn: Connection,
    keys: Collection[Key],
    before: int = ALL,
    seen: Checkpoint | None = None,
    parked_as: str = "processor",
    through: date | None = None,
) -> list[LoggedEvent]:
    """The events of these posts, in their order, before that position, and of them those that `seen` sees.

    What is parked is left out, as in the posts. Later days than `through` are not looked into.
    """
    place = (seen.epoch, seen.raw) if seen else (None, None)
    rows = await conn.fetch(OF_POSTS, *columns_of(keys, 2), before, *place, parked_as, through)
    return [logged(row) for row in rows]


async def of_provider(conn: Connection, provider: str, since: datetime, before: int) -> list[Row]:
    """The provider's events, of any post, that came in an hour before that moment or later."""
    rows: list[Row] = await conn.fetch(OF_PROVIDER, provider, since, before, MOST_OF_PROVIDER)
    return rows


async def gathered(
    conn: Connection, after: datetime, upto: datetime, names: Sequence[str] | None, states: Collection[str] | None
) -> list[Row]:
    """The events that came in during (after, upto] and have one of these names, or led into one of these states.

    None stands for whatever name, and for any state.
    """
    wanted = sorted(states) if states is not None else None
    rows: list[Row] = await conn.fetch(GATHERED, after, upto, names, wanted, MOST_GATHERED)
    return rows


async def begins(conn: Connection, since: datetime) -> int:
    """The position of the first event that came in from that moment on, or the one that will be next."""
    position: int = await conn.fetchval(BEGINS, since)
    return position


async def stood(conn: Connection, at: datetime, states: Collection[str]) -> list[Row]:
    """The posts that may have been in one of these states at that moment: `fold` is how each stands now.

    `still`: it stood so then. None that was in one of them is left out.
    """
    rows: list[Row] = await conn.fetch(STOOD, at, sorted(states))
    return rows


async def actions_on_record(conn: Connection, since: datetime) -> set[UUID]:
    """The actions that were really asked for: of these the log tells, or will tell, what they came to."""
    return {row["id"] for row in await conn.fetch(ON_RECORD, since, sorted(OUTCOMES))}


async def first_arrival(conn: Connection) -> datetime | None:
    """When the first of the events that are kept came in."""
    first: datetime | None = await conn.fetchval(FIRST)
    return first
