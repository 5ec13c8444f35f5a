"""A post's history as one timeline: what we were told, what it changed, which rules fired and what we did."""

from __future__ import annotations

from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tracker.domain.posts.change import Move
from tracker.queries.paging import Page, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from tracker.domain.posts.change import Change
    from tracker.store.database import Connection, Row


HISTORY = "history"
"""What its cursors belong to; they hold the last entry's time, the rank of its kind among equal times, and its key."""
LAST_RANK = 99
"""After whatever else happened at the same moment."""


_SAID_OF_A_MOVE = dict(zip(Move.__struct_fields__[::-1], Move.__struct_defaults__[::-1], strict=False))
"""What is left out of a move that is written, because it says nothing new."""


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
with timeline as (
  select e.received_at as at, 0 as rank, lpad(e.position::text, 20, '0') as key, 'fact' as type,
         jsonb_build_object(
           'position', e.position, 'event', e.kind, 'source', e.source, 'delivery', e.delivery,
           'occurred_at', {_utc("coalesce(e.occurred_at, e.received_at)")}, 'received_at', {_utc("e.received_at")},
           'late', e.position = any($8::bigint[]),
           'conflict', e.conflict,
           'plan', case when e.source = 'manual' then convert_from(e.body, 'utf8')::jsonb #>> '{{detail,plan}}' end,
           'parked', (select p.error from parked p where p.item = e.position and p.subscription = 'processor'),
           'repeats', coalesce((
             select jsonb_agg(jsonb_build_object('delivery', r.delivery, 'same', r.same,
                                                 'received_at', {_utc("r.received_at")}) order by r.id)
               from repeats r where r.position = e.position), '[]')) as entry
    from events e
   where e.provider = $1 and e.post = $2 and e.day >= $3
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

FIRST_DAY_KEPT = "select min(day) from log_days"

IN_ORDER_OF_ID = """
select p.provider, p.post, p.first_day, p.last_event_at, p.platforms, p.accounts from posts p
 where p.projection = (select version from projections where current)
   and (p.provider, p.post) > ($1, $2) and ($3::text is null or p.provider = $3)
 order by p.provider, p.post
 limit $4
"""


async def first_day_kept(conn: Connection) -> date | None:
    """The day with which the log begins."""
    day: date | None = await conn.fetchval(FIRST_DAY_KEPT)
    return day


async def in_order_of_id(conn: Connection, after: tuple[str, str], provider: str | None, limit: int) -> list[Row]:
    """The next posts after that (provider, post), as they are filed now: their days, platforms and accounts."""
    rows: list[Row] = await conn.fetch(IN_ORDER_OF_ID, *after, provider, limit)
    return rows


async def list_history(
    conn: Connection,
    known: Sequence[Change],
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

    `known` is all that changed the post; `first_day` is the day of the log before which nothing is kept of it; `upto`
    leaves out what came later.
    """
    begins = read_cursor(cursor, HISTORY, tuple[datetime, int, str]) if cursor else None
    if begins is None and upto and newest_first:
        begins = (upto, LAST_RANK, "")
    late = [change.cause for change in known if change.kind == "revised"]
    statement = NEWEST_FIRST if newest_first else OLDEST_FIRST
    rows = await conn.fetch(statement, provider, post, first_day, *(begins or (None, 0, "")), limit + 1, late)
    told = [(row["at"], row["rank"], row["key"], row["type"], row["entry"]) for row in rows]
    shown = [change for change in known if change.moves or change.notes]
    changed = [_entry(change) for change in (reversed(shown) if newest_first else shown)]
    told += [one for one in changed if begins is None or (one[:3] < begins if newest_first else one[:3] > begins)]
    told.sort(key=itemgetter(0, 1), reverse=newest_first)
    last = told[limit - 1] if len(told) > limit else None
    items = [EntryOut(at, kind, entry) for at, _, _, kind, entry in told[:limit]]
    return Page(items, write_cursor(HISTORY, last[:3]) if last else None)


def _entry(change: Change) -> tuple[datetime, int, str, str, dict[str, Any]]:
    """When we came to know it, its rank among equal times, its key, and what is shown."""
    shown = {
        "kind": change.kind, "event": change.event, "position": change.cause, "before": change.before,
        "after": change.after, "attempt": change.attempt, "occurred_at": change.occurred_at,
        "notes": change.notes,
    }  # fmt: skip
    moves = [_SAID_OF_A_MOVE | msgspec.to_builtins(move) for move in change.moves]
    return change.received_at, 1, f"{change.cause:020}", "change", msgspec.to_builtins(shown) | {"moves": moves}


def path(known: Sequence[Change], limit: int) -> list[PathStep]:
    """The last `limit` states that the post as a whole came into, the first one first."""
    moves = [
        move for change in known for move in change.moves
        if move.target is None and not move.superseded and not move.again
    ]  # fmt: skip
    moves.sort(key=lambda move: move.occurred_at)
    return [PathStep(move.after, move.attempt, move.occurred_at) for move in moves[-limit:]]
