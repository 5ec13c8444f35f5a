"""How attempts ended, many in one go: each on record, each action moved on only where its lease still holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.domain.actions import Claimed, Exchange
    from tracker.store.database import Connection

Lease: TypeAlias = tuple[UUID, int]
"""An action, and the number of the lease under which it was claimed."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that has ended in `outcome`, and what becomes of its action: a pending one is due at `due_at`."""

    claimed: Claimed
    outcome: str
    reason: str
    exchange: Exchange
    latency_ms: int
    state: str
    due_at: datetime | None
    ended_at: datetime


FINISH = """
with ended as materialized (
  select t.*
    from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[], $6::jsonb[], $7::integer[], $8::text[],
                $9::timestamptz[], $10::timestamptz[])
      as t (id, lease, outcome, reason, request, response, latency_ms, state, due_at, ended_at)
), held as materialized (
  select e.id, e.lease, e.state, e.reason, e.due_at, e.ended_at
    from (select id, lease, state, reason, due_at, ended_at from ended order by id) e
   cross join lateral (select lease, state from actions where id = e.id limit 1 for update) a
   where a.lease = e.lease and a.state = 'claimed'
), attempted as (
  update action_attempts t
     set finished_at = e.ended_at, outcome = e.outcome, reason = e.reason, request = e.request, response = e.response,
         latency_ms = e.latency_ms
    from ended e
   where t.action = any($1::uuid[]) and t.action = e.id and t.lease = e.lease and (select count(*) from held) >= 0
)
update actions a
   set state = h.state, reason = h.reason, due_at = coalesce(h.due_at, a.due_at), leased_until = null,
       finished_at = case when h.state <> 'pending' then h.ended_at end
  from held h
 where a.id = h.id
returning a.id, a.lease
"""
"""The actions are locked in one order, and before the attempts, as whoever rescues does. The limit keeps it one look
into the index for each, whatever the planner believes about how few there are; what is held brings along what becomes
of it, for a join of two lists would be walked as often as they are long."""

PUT_OFF = """
with held as (
  update actions a
     set state = 'pending', attempts = a.attempts - 1, reason = t.reason, due_at = t.due_at, leased_until = null
    from unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[]) as t (id, lease, reason, due_at)
   where a.id = t.id and a.lease = t.lease and a.state = 'claimed'
  returning a.id, a.lease
), unmade as (
  delete from action_attempts t using held where t.action = held.id and t.lease = held.lease
)
select id, lease from held
"""


async def finish(conn: Connection, attempts: Sequence[Attempted]) -> set[Lease]:
    """Record how each attempt ended, and move the actions on whose lease still holds; answers those leases.

    An attempt is recorded even when the lease was lost meanwhile.
    """
    rows = [
        (a.claimed.id, a.claimed.lease, a.outcome, a.reason, a.exchange.request, a.exchange.response, a.latency_ms,
         a.state, a.due_at, a.ended_at)
        for a in attempts
    ]  # fmt: skip
    return await _held(conn, FINISH, rows)


async def put_off(conn: Connection, attempts: Sequence[Attempted]) -> set[Lease]:
    """Make actions pending as if they had not been claimed: nothing was done. Answers the leases that still held."""
    return await _held(conn, PUT_OFF, [(a.claimed.id, a.claimed.lease, a.reason, a.due_at) for a in attempts])


async def _held(conn: Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> set[Lease]:
    if not rows:
        return set()
    columns = (list(column) for column in zip(*rows, strict=True))
    return {(row["id"], row["lease"]) for row in await conn.fetch(statement, *columns)}
