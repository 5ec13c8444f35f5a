"""Alerts in Postgres: the messages that they became, and the ones that travel in the message of another."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tracker.domain.payloads import AlertPayload, Companion
from tracker.store.actions.action_claims import claimed_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tracker.domain.actions import Claimed
    from tracker.store.database import Connection

MOST = 500

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

REMEMBER = """
insert into alert_messages (channel, key, reference, sent_at)
select channel, key, reference, $4 from unnest($1::text[], $2::text[], $3::jsonb[]) as t (channel, key, reference)
on conflict (channel, key) do update set reference = excluded.reference, sent_at = excluded.sent_at
"""


async def gather(conn: Connection, claimed: Sequence[Claimed], now: datetime) -> tuple[list[Claimed], list[Claimed]]:
    """Have each first attempt take along what waits in its group; answers the claimed, as they are now, and the taken.

    What is taken is done from here on; what it says is in the payload of the one that leads, under `others`, as
    {"title", "post", "key"}. A later attempt takes nothing along, so that it says what the first one said. Until the
    message is out, its place is remembered as {"within": the action that leads}.
    """
    leaders = {one.id: one for one in claimed if one.group is not None and one.attempt == 1}
    if not leaders:
        return list(claimed), []
    rows = await conn.fetch(ABSORB, list(leaders), now, MOST)
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


async def remember(conn: Connection, references: Mapping[tuple[str, str], Mapping[str, object]], now: datetime) -> None:
    """For each channel and key of an alert the message that it became, as the other side knows it."""
    if references:
        said = sorted(references.items(), key=lambda item: item[0])
        (channels, keys), known = zip(*(place for place, _ in said), strict=True), [reference for _, reference in said]
        await conn.execute(REMEMBER, list(channels), list(keys), known, now)
