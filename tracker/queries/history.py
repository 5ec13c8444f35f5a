"""A post's history as one timeline: what we were told, what it changed, which rules fired and what we did."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tracker.domain.posts.change import Move
from tracker.domain.posts.post import Post
from tracker.queries.paging import Page, read_cursor, write_cursor
from tracker.store.posts.posts import logged
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from tracker.domain.posts.event import LoggedEvent
    from tracker.store.database import Connection, Row


HISTORY = "history"
"""What its cursors belong to; they hold the last entry's time, the rank of its kind among equal times, and its key."""
LAST_RANK = 99
"""After whatever else happened at the same moment."""


_SAID_OF_A_MOVE = dict(zip(Move.__struct_fields__[::-1], Move.__struct_defaults__[::-1], strict=False))
"""What is left out of a move that is kept, because it says nothing new."""


class EntryOut(Struct, frozen=True):
    """One entry of a post's history. What it has beside `at` and `type` depends on the type."""

    at: Annotated[datetime, Meta(description="When we came to know it, or did it.")]
    type: Annotated[str, Meta(description="fact, change, firing, run, move, action, attempt or silence.")]
    data: dict[str, Any]


class PathStep(Struct, frozen=True):
    """A state that the post as a whole came into; of which attempt, and when."""

    state: str | None
    attempt: int | None
    at: datetime


def _utc(column: str) -> str:
    """The moment as JSON text in UTC, whatever the zone of the session."""
    return f"to_jsonb(timezone('UTC', {column})) #>> '{{}}' || 'Z'"


TIMELINE = f"""
with changed as (
  select * from changes
   where projection = (select version from projections where current) and provider = $1 and post = $2
), timeline as (
  select e.received_at as at, 0 as rank, lpad(e.position::text, 20, '0') as key, 'fact' as type,
         jsonb_build_object(
           'position', e.position, 'event', e.kind, 'source', e.source, 'delivery', e.delivery,
           'occurred_at', {_utc("coalesce(e.occurred_at, e.received_at)")}, 'received_at', {_utc("e.received_at")},
           'late', exists (select from changed c where c.cause = e.position and c.kind = 'revised'),
           'conflict', e.conflict,
           'parked', (select p.error from parked p where p.item = e.position and p.subscription = 'processor'),
           'repeats', coalesce((
             select jsonb_agg(jsonb_build_object('delivery', r.delivery, 'same', r.same,
                                                 'received_at', {_utc("r.received_at")}) order by r.id)
               from repeats r where r.position = e.position), '[]')) as entry
    from events e
   where e.provider = $1 and e.post = $2 and e.day >= $3
  union all
  select c.received_at, 1, lpad(c.id::text, 20, '0'), 'change',
         jsonb_build_object(
           'kind', c.kind, 'event', c.event, 'position', c.cause, 'before', c.before, 'after', c.after,
           'attempt', c.attempt, 'occurred_at', {_utc("c.occurred_at")}, 'moves', c.moves, 'notes', c.notes)
    from changed c
   where c.moves::text <> '[]' or c.notes::text <> '[]'
  union all
  select f.fired_at, 2, f.rule || ' ' || f.cause, 'firing',
         jsonb_build_object('rule', f.rule, 'key', f.key, 'outcome', f.outcome, 'detail', f.detail, 'run', f.run,
                            'revision', f.revision)
    from firings f where f.provider = $1 and f.post = $2
  union all
  select r.started_at, 3, r.id::text, 'run',
         jsonb_build_object('run', r.id, 'rule', r.rule, 'target', r.target, 'state', r.state,
                            'updated_at', {_utc("r.updated_at")})
    from runs r where r.provider = $1 and r.post = $2
  union all
  select m.at, 4, r.id::text || ' ' || lpad(m.number::text, 10, '0'), 'move',
         jsonb_build_object('run', r.id, 'rule', r.rule, 'target', r.target, 'number', m.number, 'said', m.said)
    from runs r join run_moves m on m.run = r.id
   where r.provider = $1 and r.post = $2
  union all
  select a.created_at, 5, a.id::text, 'action',
         jsonb_build_object('action', a.id, 'verb', a.verb, 'target', a.target, 'rule', a.rule, 'run', a.run,
                            'state', a.state, 'hidden_by', a.hidden_by, 'reason', a.reason,
                            'due_at', {_utc("a.due_at")},
                            'finished_at', {_utc("a.finished_at")})
    from actions a where a.provider = $1 and a.post = $2
  union all
  select t.started_at, 6, a.id::text || ' ' || lpad(t.attempt::text, 10, '0'), 'attempt',
         jsonb_build_object('action', a.id, 'verb', a.verb, 'target', a.target, 'attempt', t.attempt,
                            'outcome', t.outcome, 'reason', t.reason, 'finished_at', {_utc("t.finished_at")},
                            'latency_ms', t.latency_ms)
    from actions a join action_attempts t on t.action = a.id
   where a.provider = $1 and a.post = $2
  union all
  select s.since, 7, s.id::text, 'silence',
         jsonb_build_object('silence', s.id, 'match', s.match, 'until', {_utc("s.until")}, 'by', s.by,
                            'reason', s.reason)
    from silences s
   where s.id in (select substr(a.hidden_by, length('silence ') + 1)::uuid from actions a
                   where a.provider = $1 and a.post = $2 and a.hidden_by like 'silence %')
)
select at, rank, key, type, entry from timeline
"""

OLDEST_FIRST = f"""
{TIMELINE}
 where $4::timestamptz is null or (at, rank, key) > ($4, $5, $6)
 order by at, rank, key
 limit $7
"""

NEWEST_FIRST = f"""
{TIMELINE}
 where $4::timestamptz is null or (at, rank, key) < ($4, $5, $6)
 order by at desc, rank desc, key desc
 limit $7
"""

PATH = """
select move->>'after' as state, (move->>'attempt')::integer as attempt, (move->>'occurred_at')::timestamptz as at
  from changes c cross join lateral json_array_elements(c.moves) move
 where c.projection = (select version from projections where current) and c.provider = $1 and c.post = $2
   and move->>'target' is null and not coalesce((move->>'superseded')::boolean, false)
   and not coalesce((move->>'again')::boolean, false)
 order by 3 desc, c.id desc
 limit $3
"""

BASELINE = "select through, fold::text from baselines where provider = $1 and post = $2"

EVENTS_BY = """
select e.* from events e
 where e.provider = $1 and e.post = $2 and e.day >= $3 and e.received_at <= $4
   and not exists (select from parked p where p.subscription = 'processor' and p.item = e.position)
 order by e.position
"""


FIRST_DAY_KEPT = "select min(day) from log_days"

IN_ORDER_OF_ID = """
select p.provider, p.post, p.first_day, p.last_event_at, p.platforms, p.accounts from posts p
 where p.projection = (select version from projections where current)
   and (p.provider, p.post) > ($1, $2) and ($3::text is null or p.provider = $3)
 order by p.provider, p.post
 limit $4
"""

EVENTS_OF_MANY_BY = """
select e.*
  from unnest($1::text[], $2::text[], $3::date[]) as wanted (provider, post, first_day)
 cross join lateral (
       select position, day, bucket, source, provider, kind, post, part, occurred_at, received_at, body_hash, body
         from events
        where provider = wanted.provider and post = wanted.post and day >= wanted.first_day and received_at <= $4) e
 where not exists (select from parked p where p.subscription = 'processor' and p.item = e.position)
 order by e.position
"""


async def first_day_kept(conn: Connection) -> date | None:
    """The day with which the log begins."""
    day: date | None = await conn.fetchval(FIRST_DAY_KEPT)
    return day


async def in_order_of_id(conn: Connection, after: tuple[str, str], provider: str | None, limit: int) -> list[Row]:
    """The next posts after that (provider, post), as they are filed now: their days, platforms and accounts."""
    rows: list[Row] = await conn.fetch(IN_ORDER_OF_ID, *after, provider, limit)
    return rows


async def events_of_many_by(conn: Connection, posts: Sequence[Row], moment: datetime) -> list[LoggedEvent]:
    """The events of these posts (rows of `in_order_of_id`) that had arrived by that moment, without the parked."""
    columns = ([row[name] for row in posts] for name in ("provider", "post", "first_day"))
    return [logged(row) for row in await conn.fetch(EVENTS_OF_MANY_BY, *columns, moment)]


async def baseline(conn: Connection, provider: str, post: str) -> tuple[date, Post] | None:
    """What stands for the facts of the post that the log no longer keeps, and the last day that it stands for."""
    row = await conn.fetchrow(BASELINE, provider, post)
    return (row["through"], msgspec.json.decode(row["fold"], type=Post)) if row else None


async def events_by(conn: Connection, provider: str, post: str, first_day: date, moment: datetime) -> list[LoggedEvent]:
    """The events of the post that had arrived by that moment, without those that are parked."""
    return [logged(row) for row in await conn.fetch(EVENTS_BY, provider, post, first_day, moment)]


async def list_history(
    conn: Connection,
    provider: str,
    post: str,
    first_day: date,
    cursor: str | None = None,
    limit: int = 200,
    *,
    newest_first: bool = False,
    upto: datetime | None = None,
) -> Page[EntryOut]:
    """A page of the history in the order in which we came to know it; raises BadParameter for a foreign cursor.

    `first_day` is the day of the log before which nothing is kept of the post; `upto` leaves out what came later.
    """
    begins = read_cursor(cursor, HISTORY, tuple[datetime, int, str]) if cursor else (None, 0, "")
    if cursor is None and upto and newest_first:
        begins = (upto, LAST_RANK, "")
    statement = NEWEST_FIRST if newest_first else OLDEST_FIRST
    rows = await conn.fetch(statement, provider, post, first_day, *begins, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    items = [EntryOut(row["at"], row["type"], _in_full(row["entry"])) for row in rows[:limit]]
    return Page(items, write_cursor(HISTORY, (last["at"], last["rank"], last["key"])) if last else None)


def _in_full(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "moves": [{**_SAID_OF_A_MOVE, **move} for move in entry["moves"]]} if "moves" in entry else entry


async def path(conn: Connection, provider: str, post: str, limit: int) -> list[PathStep]:
    """The last `limit` states that the post as a whole came into, the first one first."""
    return [into(PathStep, row) for row in reversed(await conn.fetch(PATH, provider, post, limit))]
