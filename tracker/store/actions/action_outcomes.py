"""How attempts ended, many in one statement: their ends, the actions moved on, and the facts about it in the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from tracker.domain.actions import Claimed, Exchange
from tracker.store.log import event_log
from tracker.store.log.event_log import Incoming
from tracker.store.wakeups import EVENTS
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from tracker.store.database import Connection


class Attempted(Struct, frozen=True):
    """An attempt that has ended in `outcome`, and what becomes of its action: a pending one is due at `due_at`.

    One that `waits` was no attempt. Of the facts about it, those with True are so only where the lease still holds, as
    are `messages`, what alerts became, by channel and key.
    """

    claimed: Claimed
    outcome: str
    reason: str
    exchange: Exchange
    latency_ms: int
    state: str
    due_at: datetime | None
    ended_at: datetime
    waits: bool
    facts: Sequence[tuple[Incoming, bool]] = ()
    messages: Mapping[tuple[str, str], Mapping[str, object]] = {}


HELD = "($14::integer[])[ord] is null or ($14::integer[])[ord] in (select nth from moved)"
"""The fourteenth value says of each fact of which attempt's lease it is true; null: of any."""

RECORD = f"""
with ended as materialized (
  select t.*
    from unnest($15::uuid[], $16::bigint[], $17::text[], $18::text[], $19::json[], $20::json[], $21::integer[],
                $22::text[], $23::timestamptz[], $24::timestamptz[], $25::boolean[]) with ordinality
      as t (id, lease, outcome, reason, request, response, latency_ms, state, due_at, ended_at, waits, nth)
), moved as (
  update actions a
     set state = e.state, reason = e.reason, due_at = coalesce(e.due_at, a.due_at), leased_until = null,
         attempts = a.attempts - e.waits::integer,
         finished_at = case when e.state <> 'pending' then e.ended_at end
    from (select id, lease, reason, state, due_at, ended_at, waits, nth from ended order by id) e
   where a.id = e.id and a.lease = e.lease and a.state || '' = 'claimed'
  returning a.id, a.lease, e.waits, e.nth
), attempted as (
  update action_attempts t
     set finished_at = e.ended_at, outcome = e.outcome, reason = e.reason, request = e.request, response = e.response,
         latency_ms = e.latency_ms
    from ended e
   where t.action = any($15::uuid[]) and t.action = e.id and t.lease = e.lease and (select count(*) from moved) >= 0
     and not (e.waits and e.nth in (select nth from moved))
), unmade as (
  delete from action_attempts t using moved m
   where m.waits and t.action = any($15::uuid[]) and t.action = m.id and t.lease = m.lease
), remembered as (
  insert into alert_messages (channel, key, reference, sent_at)
  select distinct on (channel, key) channel, key, reference, ended_at
    from unnest($26::integer[], $27::text[], $28::text[], $29::jsonb[]) as t (nth, channel, key, reference)
    join ended using (nth)
   where nth in (select nth from moved)
   order by channel, key, nth desc
  on conflict (channel, key) do update set reference = excluded.reference, sent_at = excluded.sent_at
), {event_log.APPENDING.format(wanted=HELD)}
select nth::integer - 1 as held, null as place from moved
 union all
select null, place from kept
"""
"""Each action is moved on only where its lease still holds. They are updated in one order, and before the attempts, as
whoever rescues does. That a state is asked for as no index has it, keeps it one look for each into the index of the
keys, whatever the planner believes about how few there are."""


async def record(conn: Connection, attempts: Sequence[Attempted]) -> list[bool]:
    """Record how each attempt ended, and answer whether its lease still held; outside a transaction, in one commit.

    An attempt is recorded even when the lease was lost meanwhile, but for one that waits.
    """
    facts = [(nth if held else None, fact) for nth, a in enumerate(attempts, 1) for fact, held in a.facts]
    ended = [
        (a.claimed.id, a.claimed.lease, a.outcome, a.reason, a.exchange.request, a.exchange.response, a.latency_ms,
         a.state, a.due_at, a.ended_at, a.waits)
        for a in attempts
    ]  # fmt: skip
    messages = [(nth, *place, said) for nth, a in enumerate(attempts, 1) for place, said in a.messages.items()]
    rows = await event_log.write(
        conn, RECORD, [fact for _, fact in facts], [nth for nth, _ in facts],
        *map(list, zip(*ended, strict=True)), *(map(list, zip(*messages, strict=True)) if messages else [[]] * 4),
    )  # fmt: skip
    held, kept = {row["held"] for row in rows}, {row["place"] for row in rows}
    wanted = {place for place, (nth, _) in enumerate(facts) if nth is None or nth - 1 in held}
    if again := [facts[place][1] for place in sorted(wanted - kept)]:
        await event_log.append(conn, again)
    if wanted:
        wake_after_commit(conn, EVENTS)
    return [nth in held for nth in range(len(attempts))]
