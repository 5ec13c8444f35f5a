"""Actions in Postgres: recorded before they are attempted, claimed under a lease, finished only by who holds it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg

from tracker.domain.action import Claimed
from tracker.domain.event import bucket_of
from tracker.errors import NotFound, Rejected

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from tracker.domain.action import Exchange
    from tracker.domain.memory import Asked
    from tracker.store.database import Connection, Row

INTEND = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, group_key, rule, revision, run, provider,
                     post, bucket, state, hidden_by, created_at)
select id, key, verb, target, payload, due_at, group_key, nullif(rule, ''), nullif(revision, ''), run, provider, post,
       bucket, state, hidden_by, $16
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::text[],
              $9::text[], $10::uuid[], $11::text[], $12::text[], $13::smallint[], $14::text[], $15::text[])
       as t (id, key, verb, target, payload, due_at, group_key, rule, revision, run, provider, post, bucket, state,
             hidden_by)
on conflict (idempotency_key) do nothing
"""

TELL_WORKERS = "select pg_notify('tracker_actions', '')"

CLAIM = """
with due as (
  select id from actions a
   where state = 'pending' and due_at <= $1 and not (verb || ' ' || target = any($2::text[]))
     and not (verb = 'retry' and exists (
           select from actions o
            where o.provider = a.provider and o.post = a.post and o.verb = 'retry'
              and (o.state = 'claimed' or o.state = 'pending' and (o.due_at, o.id) < (a.due_at, a.id))))
     and not (verb = 'alert' and exists (
           select from actions o
            where o.target = a.target and o.payload ->> 'key' = a.payload ->> 'key' and o.verb = 'alert'
              and o.state in ('pending', 'claimed')
              and (o.created_at, coalesce(o.payload ->> 'resolved', ''), o.id)
                < (a.created_at, coalesce(a.payload ->> 'resolved', ''), a.id)))
     and not (verb = 'alert' and exists (
           select from alert_messages m join actions o on o.id = (m.reference ->> 'within')::uuid
            where m.channel = a.target and m.key = a.payload ->> 'key' and o.id <> a.id
              and o.state in ('pending', 'claimed')))
     and not (attempts = 0 and group_key is not null and id <> (
           select o.id from actions o
            where o.group_key = a.group_key and o.state = 'pending' and o.attempts = 0
              and o.verb = a.verb and o.target = a.target
            order by o.due_at, o.id
            limit 1))
   order by due_at, id
   limit $3
     for update skip locked
), claimed as (
  update actions a
     set state = 'claimed', lease = a.lease + 1, attempts = a.attempts + 1, owner = $4,
         leased_until = clock_timestamp() + $5::interval
    from due where a.id = due.id
  returning a.*
), begun as (
  insert into action_attempts (action, attempt, lease, started_at) select id, attempts, lease, $1 from claimed
)
select c.*, coalesce(p.outcome, case when c.redelivers is not null then 'unknown' end) as previous,
       case when not m.reference ? 'within' then m.reference end as reference
  from claimed c
  left join action_attempts p on p.action = c.id and p.attempt = c.attempts - 1
  left join alert_messages m on c.verb = 'alert' and m.channel = c.target and m.key = c.payload ->> 'key'
"""

RETRIES = """
with recursive line (action, provider, post, generation) as (
  select id, provider, post, 1 from actions where id = any($1::uuid[])
   union all
  select l.action, l.provider, p.fold -> 'labels' ->> 'attempt_of', l.generation + 1
    from line l
    join posts p on p.projection = (select version from projections where current)
                and p.provider = l.provider and p.post = l.post
   where p.fold -> 'labels' ? 'attempt_of' and l.generation < 20
)
select a.id, (select max(generation) from line where action = a.id) as generation,
       case when bool_or(o.state = 'done' and o.reason = 'recreated') then 'recreated'
            when bool_or(o.state = 'done' and o.reason = 'ok' and (o.run is null or o.run is distinct from a.run)
                         and o.payload ->> 'attempt' = a.payload ->> 'attempt') then 'ok'
            when bool_or(o.state = 'unknown' or o.state = 'pending' and t.outcome = 'lost') then 'unknown'
       end as other
  from actions a
  left join actions o on o.provider = a.provider and o.post = a.post and o.verb = 'retry' and o.id <> a.id
  left join action_attempts t on t.action = o.id and t.attempt = o.attempts
 where a.id = any($1::uuid[])
 group by a.id
"""
"""What else was done about the posts of these retries. One post has one claimed retry, so none of it can change."""

RENEW = """
update actions set leased_until = clock_timestamp() + $2::interval
 where owner = $1 and state = 'claimed' and id = any($3::uuid[])
"""

RECORD_ATTEMPT = """
update action_attempts
   set finished_at = $3, outcome = $4, reason = $5, request = $6, response = $7, latency_ms = $8
 where action = $1 and lease = $2
"""

FINISH = """
update actions
   set state = $3, reason = $4, due_at = coalesce($5, due_at), finished_at = $6, leased_until = null
 where id = $1 and lease = $2 and state = 'claimed'
returning id
"""

PUT_OFF = """
with held as (
  update actions
     set state = 'pending', attempts = attempts - 1, reason = $3, due_at = $4, leased_until = null
   where id = $1 and lease = $2 and state = 'claimed'
  returning id
), unmade as (
  delete from action_attempts t using held where t.action = held.id and t.lease = $2
)
select id from held
"""

RESCUE = """
with lapsed as (
  select id, attempts from actions
   where state = 'claimed' and leased_until < clock_timestamp()
   limit 500
     for update skip locked
), lost as (
  update action_attempts t set outcome = 'lost', reason = 'lost', finished_at = $1
    from lapsed where t.action = lapsed.id and t.attempt = lapsed.attempts and t.outcome is null
)
update actions a set state = 'pending', owner = null, leased_until = null, due_at = $1
  from lapsed where a.id = lapsed.id
"""

HOLD_POST = "select pg_advisory_xact_lock(hashtextextended($1, 0))"

OPEN_OF_POST = """
select id from actions
 where provider = $1 and post = $2 and verb = $3 and state in ('pending', 'claimed')
 order by created_at, id
 limit 1
"""

NEXT_DUE = "select min(due_at) from actions where state = 'pending' and due_at > $1"

WITHDRAW = """
update actions set state = 'discarded', reason = 'cancelled', finished_at = $2
 where id = any($1::uuid[]) and state = 'pending' and not payload ? 'others'
returning id
"""

LOCK = "select * from actions where id = $1 for update"

PUT_BACK = "update actions set state = 'pending', due_at = $2, finished_at = null where id = any($1::uuid[])"

DISCARD = "update actions set state = 'discarded', reason = 'by_hand', finished_at = $2 where id = $1"


async def intend(conn: Connection, asked: Collection[Asked], now: datetime) -> None:
    """Record them, each once, and wake the workers; one whose rule is "" was asked for by a person."""
    rows = [
        (s.id, s.idempotency_key, s.verb, s.target, s.payload, s.due_at, s.group, one.rule, one.revision, one.run,
         one.provider, one.post, bucket_of(one.provider, one.post), one.fate, one.why)
        for one in asked for s in [one.action]
    ]  # fmt: skip
    await conn.execute(INTEND, *(list(column) for column in zip(*rows, strict=True)), now)
    await conn.execute(TELL_WORKERS)


async def claim(
    conn: Connection, node: str, now: datetime, lease: timedelta, limit: int, busy: Collection[str]
) -> list[Claimed]:
    """Take what is due, but nothing for the `busy` ("verb target"); the attempt is on record before it is made.

    What is said of one alert on one channel goes out in the order in which it was meant, also where it was told within
    the message of another; of a group that nobody has begun to tell, only the earliest is taken.
    """
    try:
        rows = await conn.fetch(CLAIM, now, list(busy), limit, node, lease)
    except asyncpg.UniqueViolationError:
        return []
    claimed = [claimed_from(row) for row in rows]
    retries = [one.id for one in claimed if one.verb == "retry"]
    known = {row["id"]: row for row in await conn.fetch(RETRIES, retries)} if retries else {}
    return [
        replace(one, other=known[one.id]["other"], generation=known[one.id]["generation"]) if one.id in known else one
        for one in claimed
    ]


def claimed_from(row: Row) -> Claimed:
    """The action of a row, which may lack `previous` and `reference`."""
    return Claimed(
        row["id"], row["verb"], row["target"], row["payload"], row["idempotency_key"], row["attempts"],
        row["lease"], row.get("previous"), row["provider"], row["post"], row["rule"], row["run"], row["created_at"],
        row["group_key"], row.get("reference"),
    )  # fmt: skip


async def renew(conn: Connection, node: str, lease: timedelta, actions: Collection[UUID]) -> None:
    """Keep the leases of what is still being attempted."""
    await conn.execute(RENEW, node, lease, list(actions))


async def record_attempt(
    conn: Connection, claimed: Claimed, outcome: str, reason: str, exchange: Exchange, latency_ms: int, now: datetime
) -> None:
    """How the attempt ended; it is recorded even when the lease was lost meanwhile."""
    await conn.execute(
        RECORD_ATTEMPT, claimed.id, claimed.lease, now, outcome, reason, exchange.request, exchange.response, latency_ms
    )


async def finish(
    conn: Connection, claimed: Claimed, state: str, reason: str, due_at: datetime | None, now: datetime
) -> bool:
    """Move the action on, if this lease still holds it; `due_at` is when a pending one is attempted again."""
    ended = None if state == "pending" else now
    return await conn.fetchval(FINISH, claimed.id, claimed.lease, state, reason, due_at, ended) is not None


async def put_off(conn: Connection, claimed: Claimed, reason: str, due_at: datetime) -> bool:
    """Attempt it at `due_at` as if it had not been claimed, if this lease still holds it: nothing was done."""
    return await conn.fetchval(PUT_OFF, claimed.id, claimed.lease, reason, due_at) is not None


async def rescue(conn: Connection, now: datetime) -> int:
    """Put back what a dead process held; answers how many."""
    status: str = await conn.execute(RESCUE, now)
    return int(status.rsplit(maxsplit=1)[-1])


async def next_due(conn: Connection, after: datetime) -> datetime | None:
    """When the earliest pending action is due that was not due yet at `after`."""
    due: datetime | None = await conn.fetchval(NEXT_DUE, after)
    return due


async def withdraw(conn: Connection, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Discard those that nobody has begun, unless others travel with them, and answer which these were."""
    return {row["id"] for row in await conn.fetch(WITHDRAW, list(ids), now)} if ids else set()


async def open_of_post(conn: Connection, provider: str, post: str, verb: str) -> UUID | None:
    """The action of that verb that the post waits for; whoever else asks waits until this transaction is over."""
    await conn.execute(HOLD_POST, f"{verb}\n{provider}\n{post}")
    found: UUID | None = await conn.fetchval(OPEN_OF_POST, provider, post, verb)
    return found


async def put_back(conn: Connection, action: UUID, now: datetime) -> Row:
    """Attempt it once more, at once, because somebody asked; raises NotFound, or Rejected when it is under way."""
    row = await _lock(conn, action)
    if row["state"] not in ("dead", "unknown", "discarded"):
        raise Rejected(
            "not_ended", f"action {action} is {row['state']}: only dead, unknown or discarded ones are retried"
        )
    await attempt_again(conn, [action], now)
    return row


async def attempt_again(conn: Connection, ids: Sequence[UUID], now: datetime) -> None:
    """Attempt these ended ones once more, as they are, at once."""
    await conn.execute(PUT_BACK, list(ids), now)
    await conn.execute(TELL_WORKERS)


async def discard(conn: Connection, action: UUID, now: datetime) -> Row:
    """Never attempt it again; raises NotFound, or Rejected when it is under way or done."""
    row = await _lock(conn, action)
    if row["state"] not in ("pending", "dead", "unknown"):
        raise Rejected(
            "not_open", f"action {action} is {row['state']}: only pending, dead or unknown ones are discarded"
        )
    await conn.execute(DISCARD, action, now)
    return row


async def _lock(conn: Connection, action: UUID) -> Row:
    row = await conn.fetchrow(LOCK, action)
    if row is None:
        raise NotFound(f"there is no action {action}")
    return row
