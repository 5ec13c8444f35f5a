"""Actions claimed under a lease: what is due and fits, what is kept, and what a dead process held, put back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg
from msgspec.structs import replace

from tracker.domain.actions import Claimed
from tracker.domain.payloads import payload_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta
    from uuid import UUID

    from tracker.store.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Room:
    """How many actions may begin: `most` in all, `of_each` target less its `under_way`, as in {"alert team": 2}."""

    most: int
    of_each: int
    under_way: Mapping[str, int] = field(default_factory=dict)


WAITING = """
with recursive waiting (verb, target, due_at) as (
  (select verb, target, due_at from actions where state = 'pending' order by verb, target, due_at limit 1)
   union all
  select next.*
    from waiting w
   cross join lateral (select verb, target, due_at from actions
                        where state = 'pending' and (verb, target) > (w.verb, w.target)
                        order by verb, target, due_at limit 1) next
)"""
"""The targets for which something waits, each with its first: however much waits, one look into the index for each."""

CLAIM = f"""{WAITING}, targets as materialized (
  -- Who has something due and room for it, the one that waits longest first; the loop over targets keeps that order,
  -- so that many actions for one target never keep another one waiting.
  select w.verb, w.target, $3 - coalesce(u.actions, 0) as room
    from waiting w left join unnest($4::text[], $5::integer[]) as u (target, actions)
                          on u.target = w.verb || ' ' || w.target
   where w.due_at <= $1 and coalesce(u.actions, 0) < $3
   order by w.due_at
), due as (
  select one.id
    from targets t
   cross join lateral (
     select a.id from actions a
      where a.state = 'pending' and a.verb = t.verb and a.target = t.target and a.due_at <= $1
        -- One retry of a post at a time, in the order of their turns: two at once could publish it twice.
        and not (a.verb = 'retry' and exists (
              select from actions o
               where o.provider = a.provider and o.post = a.post and o.verb = 'retry'
                 and (o.state = 'claimed' or o.state = 'pending' and (o.due_at, o.id) < (a.due_at, a.id))))
        -- One word about an alert (its key, on one channel) at a time, in the order in which they were meant: an end or
        -- a correction edits the message of the beginning, and may not overtake it. At one moment the end comes last.
        and not (a.verb = 'alert' and exists (
              select from actions o
               where o.target = a.target and o.payload ->> 'key' = a.payload ->> 'key' and o.verb = 'alert'
                 and o.state in ('pending', 'claimed')
                 and (o.created_at, coalesce(o.payload ->> 'resolved', ''), o.id)
                   < (a.created_at, coalesce(a.payload ->> 'resolved', ''), a.id)))
        -- Nor may it overtake the message of another alert, within which the beginning was told (`alerts.gather`).
        and not (a.verb = 'alert' and exists (
              select from alert_messages m join actions o on o.id = (m.reference ->> 'within')::uuid
               where m.channel = a.target and m.key = a.payload ->> 'key' and o.id <> a.id
                 and o.state in ('pending', 'claimed')))
        -- Of a group that nobody has begun to tell only the earliest, which will take the others along. One that was
        -- attempted before has done so, and goes on by itself.
        and not (a.attempts = 0 and a.group_key is not null and a.id <> (
              select o.id from actions o
               where o.group_key = a.group_key and o.state = 'pending' and o.attempts = 0
                 and o.verb = a.verb and o.target = a.target
               order by o.due_at, o.id
               limit 1))
      order by a.due_at, a.id
      limit t.room
        for update skip locked) one
   limit $2
), claimed as (
  update actions a
     set state = 'claimed', lease = a.lease + 1, attempts = a.attempts + 1, owner = $6,
         leased_until = clock_timestamp() + $7::interval
    from due
   where a.id = due.id
  returning a.*
), begun as (
  -- On record before the call is made: where the process dies over it, it is known that it may have happened.
  insert into action_attempts (action, attempt, lease, started_at) select id, attempts, lease, $1 from claimed
)
select c.id, c.verb, c.target, c.payload, c.idempotency_key, c.attempts, c.lease, c.provider, c.post, c.rule, c.run,
       c.created_at, c.group_key,
       -- What is redelivered under an id of its own was attempted before under another one, perhaps with success.
       coalesce(case when c.attempts > 1 then (
         select outcome from action_attempts where action = c.id and attempt = c.attempts - 1) end,
         case when c.redelivers is not null then 'unknown' end) as previous,
       case when c.verb = 'alert' then (
         select reference from alert_messages
          where channel = c.target and key = c.payload ->> 'key' and not reference ? 'within') end as reference
  from claimed c
"""
"""Claims what is due, in one statement, so that workers on all nodes share the work without talking to each other.

Rows that another worker is just claiming are skipped. What it has claimed meanwhile, this statement cannot see: for
retries, where that matters, an index refuses a second one of a post, and `claim` answers None.
"""

RETRIES = """
with recursive line (action, provider, post, generation) as (
  select id, provider, post, 1 from actions where id = any($1::uuid[])
   union all
  select l.action, l.provider, p.fold -> 'labels' ->> 'attempt_of', l.generation + 1
    from line l
    join posts p on p.projection = (select version from projections where current)
                and p.provider = l.provider and p.post = l.post
   where p.fold -> 'labels' ->> 'attempt_of' is not null and l.generation < 20
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
with mine as (
  select id from actions where owner = $1 and state = 'claimed' and id = any($3::uuid[]) for update skip locked
)
update actions a set leased_until = clock_timestamp() + $2::interval from mine where a.id = mine.id
"""
"""One that is locked is just being finished; were it not, there are two more turns before the lease lapses."""

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

OUTLOOK = f"""{WAITING}
select min(later.due_at), coalesce(bool_or(w.due_at <= $1), false)
  from waiting w
  left join lateral (select due_at from actions
                      where state = 'pending' and verb = w.verb and target = w.target and due_at > $1
                      order by due_at limit 1) later on true
"""


async def claim(conn: Connection, node: str, now: datetime, lease: timedelta, room: Room) -> list[Claimed] | None:
    """Take what is due and fits, from the target that waits longest on; the attempt is on record before it is made.

    What is said of one alert on one channel goes out in the order in which it was meant, also where it was told within
    the message of another; of a group that nobody has begun to tell, only the earliest is taken. None: another has just
    claimed one of them, and the transaction is lost.
    """
    try:
        under_way = (list(room.under_way), list(room.under_way.values()))
        rows = await conn.fetch(CLAIM, now, room.most, room.of_each, *under_way, node, lease)
    except asyncpg.UniqueViolationError:
        return None
    claimed = [claimed_from(row) for row in rows]
    retries = [one.id for one in claimed if one.verb == "retry"]
    known = {row["id"]: row for row in await conn.fetch(RETRIES, retries)} if retries else {}
    return [
        replace(one, other=known[one.id]["other"], generation=known[one.id]["generation"]) if one.id in known else one
        for one in claimed
    ]


def claimed_from(row: Row) -> Claimed:
    """The action of a row of `actions`, which may lack `previous` and `reference`."""
    payload = payload_of(row["verb"], row["payload"])
    return Claimed(
        row["id"], row["verb"], row["target"], payload, row["idempotency_key"], row["attempts"], row["lease"],
        row.get("previous"), row["provider"], row["post"], row["rule"], row["run"], row["created_at"],
        row["group_key"], row.get("reference"),
    )  # fmt: skip


async def renew(conn: Connection, node: str, lease: timedelta, actions: Collection[UUID]) -> None:
    """Have the leases of these actions last so much longer, where the node still has them."""
    await conn.execute(RENEW, node, lease, list(actions))


async def rescue(conn: Connection, now: datetime) -> int:
    """Make actions pending again whose lease has lapsed; answers how many, 500 at most."""
    status: str = await conn.execute(RESCUE, now)
    return int(status.rsplit(maxsplit=1)[-1])


async def outlook(conn: Connection, now: datetime) -> tuple[datetime | None, bool]:
    """When the earliest pending action is due that is not due yet, and whether one that is due waits for others."""
    due, held_up = await conn.fetchrow(OUTLOOK, now)
    return due, held_up
