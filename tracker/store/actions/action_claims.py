"""Actions claimed under a lease: what is due and fits, and the alerts that travel in the message of another."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg
from msgspec.structs import replace

from tracker.domain.actions import CHANGES_A_POST, Claimed
from tracker.domain.payloads import AlertPayload, Companion, payload_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from tracker.store.database import Connection, Row


MOST_TOGETHER = 500


@dataclass(frozen=True, slots=True)
class Room:
    """How many actions may begin: `most` in all, `of_each` target less its `under_way`, as in {"alert team": 2}."""

    most: int
    of_each: int
    under_way: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed, and what is left: when the next is due (None: nothing, or all room is taken).

    `held_up`: something due waits for what is under way; `together`: some are due that are told together.
    """

    actions: list[Claimed]
    next_due: datetime | None
    held_up: bool
    together: bool


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

_CHANGES = f"({', '.join(map(repr, CHANGES_A_POST))})"

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
        -- One change of a post at a time, in the order of their turns: two retries at once could publish it twice.
        and not (a.verb in {_CHANGES} and exists (
              select from actions o
               where o.provider = a.provider and o.post = a.post and o.verb in {_CHANGES}
                 and (o.state = 'claimed' or o.state = 'pending' and (o.due_at, o.id) < (a.due_at, a.id))))
        -- One word about an alert (its key, on one channel) at a time, in the order in which they were meant: an end or
        -- a correction edits the message of the beginning, and may not overtake it. At one moment the end comes last.
        and not (a.verb = 'alert' and (
              select true from actions o
               where o.target = a.target and o.verb = 'alert' and o.state in ('pending', 'claimed')
                 and o.payload ->> 'key' >= a.payload ->> 'key' and o.payload ->> 'key' <= a.payload ->> 'key'
                 and (o.created_at, coalesce(o.payload ->> 'resolved', ''), o.id)
                   < (a.created_at, coalesce(a.payload ->> 'resolved', ''), a.id)
               order by o.payload ->> 'key' limit 1) is not null)
        -- Nor may it overtake the message of another alert, within which the beginning was told (`gather`).
        and not (a.verb = 'alert' and exists (
              select from alert_messages m join actions o on o.id = (m.reference ->> 'within')::uuid
               where m.channel = a.target and m.key = a.payload ->> 'key' and o.id <> a.id
                 and o.state in ('pending', 'claimed')))
        -- Of a group that nobody has begun to tell only the earliest, which will take the others along, or without
        -- $8 only one that is alone in it. One that was attempted before has done so, and goes on by itself.
        and not (a.attempts = 0 and a.group_key is not null and array[a.id] <> array(
              select o.id from actions o
               where o.group_key = a.group_key and o.state = 'pending' and o.attempts = 0
                 and o.verb = a.verb and o.target = a.target
               order by o.due_at, o.id
               limit case when $8 then 1 else 2 end))
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
), outlook as (
  select case when (select count(*) from claimed) < $2 then (
           select min(later.due_at)
             from waiting w
            cross join lateral (select due_at from actions
                                 where state = 'pending' and verb = w.verb and target = w.target and due_at > $1
                                 order by due_at limit 1) later) end as next_due,
         (select count(*) from claimed) >= $2 or exists (
           select from waiting w
            cross join lateral (select from actions
                                 where state = 'pending' and verb = w.verb and target = w.target and due_at <= $1
                                   and id not in (select id from claimed)
                                 order by due_at limit 1) left_over
            where w.due_at <= $1) as held_up,
         not $8 and (
           select true from actions
            where state = 'pending' and attempts = 0 and group_key is not null and due_at <= $1
              and id not in (select id from claimed)
            order by group_key, due_at, id limit 1) is not null as together
)
select o.*, c.id, c.verb, c.target, c.payload, c.idempotency_key, c.attempts, c.lease, c.provider, c.post, c.rule,
       c.run, c.created_at, c.group_key,
       -- What is redelivered under an id of its own was attempted before under another one, perhaps with success.
       coalesce(case when c.attempts > 1 then (
         select outcome from action_attempts where action = c.id and attempt = c.attempts - 1) end,
         case when c.redelivers is not null then 'unknown' end) as previous,
       case when c.verb = 'alert' then (
         select reference from alert_messages
          where channel = c.target and key = c.payload ->> 'key' and not reference ? 'within') end as reference
  from outlook o left join claimed c on true
"""
"""Claims what is due, in one statement, so that workers on all nodes share the work without talking to each other.

It tells what is left, too: when the next is due, whether one that is due waits for others, and whether there are
some that are told together, which takes a transaction ($8).

Rows that another worker is just claiming are skipped. What it has claimed meanwhile, this statement cannot see: for
changes of a post, where that matters, an index refuses a second one, and `claim` answers None.
"""

PUBLISHING = """
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
  left join actions o on o.provider = a.provider and o.post = a.post and o.verb = a.verb and o.id <> a.id
                     and (a.verb = 'retry' or o.payload - 'was' = a.payload - 'was')
  left join action_attempts t on t.action = o.id and t.attempt = o.attempts
 where a.id = any($1::uuid[])
 group by a.id
"""
"""Which other retries there were of these posts, or creations of the same. A post has one claimed change, so none of it
can change."""

ABSORB = """
with followers as (
  select l.id as leader, o.id
    from actions l
   cross join lateral (
         select a.id from actions a
          where a.group_key = l.group_key and a.state = 'pending' and a.attempts = 0
            and a.verb = l.verb and a.target = l.target
          order by a.due_at, a.id
          limit $3
            for update skip locked) o
   where l.id = any($1::uuid[])
)
update actions a set state = 'done', reason = 'grouped', finished_at = $2
  from followers f where a.id = f.id
returning a.*, f.leader
"""

LEAD = """
update actions a set payload = a.payload || t.more
  from unnest($1::uuid[], $2::jsonb[]) t (id, more) where a.id = t.id
"""

REMEMBER_WITHIN = """
insert into alert_messages (channel, key, reference, sent_at)
select a.target, a.payload ->> 'key', jsonb_build_object('within', max(t.leader::text)), $3
  from unnest($1::uuid[], $2::uuid[]) t (follower, leader) join actions a on a.id = t.follower
 where a.payload ? 'key'
 group by a.target, a.payload ->> 'key'
 order by a.target, a.payload ->> 'key'
on conflict (channel, key) do update set reference = excluded.reference, sent_at = excluded.sent_at
"""


async def claim(
    conn: Connection, node: str, now: datetime, lease: timedelta, room: Room, *, together: bool = False
) -> Claim | None:
    """Take what is due and fits, from the target that waits longest on; the attempt is on record before it is made.

    What is said of one alert on one channel goes out in the order in which it was meant, also where it was told within
    the message of another. Where several wait that are told together, the earliest is taken if `together`, to `gather`
    the others in the same transaction. None: another has just claimed one of them, and a transaction is lost.
    """
    try:
        under_way = (list(room.under_way), list(room.under_way.values()))
        rows = await conn.fetch(CLAIM, now, room.most, room.of_each, *under_way, node, lease, together)
    except asyncpg.UniqueViolationError:
        return None
    claimed = [claimed_from(row) for row in rows if row["id"]]
    if publishing := [one.id for one in claimed if one.verb in ("retry", "create")]:
        known = {action: more for action, *more in await conn.fetch(PUBLISHING, publishing)}
        more = [known.get(one.id, (one.generation, one.other)) for one in claimed]
        claimed = [replace(one, generation=nth, other=other) for one, (nth, other) in zip(claimed, more, strict=True)]
    return Claim(claimed, rows[0]["next_due"], rows[0]["held_up"], rows[0]["together"])


async def gather(conn: Connection, claimed: Sequence[Claimed], now: datetime) -> tuple[list[Claimed], list[Claimed]]:
    """Have each first attempt take along what waits in its group; answers the claimed, as they are now, and the taken.

    What is taken is done from here on; what it says is in the payload of the one that leads, under `others`, as
    {"title", "post", "key"}. A later attempt takes nothing along, so that it says what the first one said. Until the
    message is out, its place is remembered as {"within": the action that leads}.
    """
    leaders = {one.id: one for one in claimed if one.group is not None and one.attempt == 1}
    if not leaders:
        return list(claimed), []
    rows = await conn.fetch(ABSORB, list(leaders), now, MOST_TOGETHER)
    others: dict[UUID, list[Companion]] = defaultdict(list)
    taken = []
    for row in sorted(rows, key=lambda row: (row["due_at"], row["id"])):
        taken.append(follower := claimed_from(row))
        if isinstance(said := follower.payload, AlertPayload):
            others[row["leader"]].append(Companion(said.title, said.post, said.key))
    await conn.execute(LEAD, list(others), [{"others": said} for said in others.values()])
    await conn.execute(REMEMBER_WITHIN, [row["id"] for row in rows], [row["leader"] for row in rows], now)
    return [_joined(one, tuple(others.get(one.id, ()))) for one in claimed], taken


def _joined(leader: Claimed, others: tuple[Companion, ...]) -> Claimed:
    if not others or not isinstance(said := leader.payload, AlertPayload):
        return leader
    return replace(leader, payload=replace(said, others=others))


def claimed_from(row: Row) -> Claimed:
    """The action of a row of `actions`, which may lack `previous` and `reference`."""
    payload = payload_of(row["verb"], row["payload"])
    return Claimed(
        row["id"], row["verb"], row["target"], payload, row["idempotency_key"], row["attempts"], row["lease"],
        row.get("previous"), row["provider"], row["post"], row["rule"], row["run"], row["created_at"],
        row["group_key"], row.get("reference"),
    )  # fmt: skip
