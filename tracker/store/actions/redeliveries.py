"""Redeliveries in Postgres: which actions a plan is about is settled when it is made, and each is taken once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tracker.errors import NotFound
from tracker.store.actions.actions import KnownAction
from tracker.store.session import into
from tracker.store.wakeups import ACTIONS, REDELIVERIES
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.store.database import Connection, Row

ENDED = ("dead", "done", "unknown", "discarded")
"""The states of actions that can be done once more."""
MOST = 100_000
"""The actions of one plan."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done once more: under the same id, by which a receiver knows it again, or under a `fresh` one."""

    id: UUID
    filters: Mapping[str, object]
    fresh: bool
    rate: str
    note: str
    by: str


@dataclass(frozen=True, slots=True)
class Redelivery:
    """A plan as it stands; `fresh` as in Plan, `next_at` is when it goes on, the last three count its actions."""

    id: UUID
    state: str
    filters: dict[str, object]
    fresh: bool
    rate: str
    note: str
    by: str
    created_at: datetime
    changed_at: datetime
    next_at: datetime
    total: int
    sent: int
    skipped: int

    @property
    def left(self) -> int:
        """How many of its actions have not had their turn."""
        return self.total - self.sent - self.skipped


@dataclass(frozen=True, slots=True)
class Item:
    """One action of a plan by its number in it; `action` is None where it is kept no longer."""

    number: int
    of: UUID
    action: KnownAction | None


MAKE = """
insert into redeliveries (id, filters, fresh, rate, note, by, created_at, changed_at, next_at, total)
values ($1, $2, $3, $4, $5, $6, $7, $7, $7, 0)
"""

CHOOSE = """
with chosen as (
  insert into redelivery_items (redelivery, number, action)
  select {plan}, row_number() over (order by a.created_at, a.id), a.id
    from ({chosen}) a
  returning number
)
update redeliveries set total = (select count(*) from chosen) where id = {plan} returning total
"""

ONE = "select * from redeliveries where id = $1"

LOCK = "select * from redeliveries where id = $1 for update"

OUTCOMES = """
select a.state, count(*) as actions
  from redelivery_items i join actions a on a.id = i.again
 where i.redelivery = $1 and i.state = 'sent'
 group by a.state
"""

MOVE = """
update redeliveries set state = $2, changed_at = $3, next_at = greatest(next_at, $3::timestamptz) where id = $1
"""

TAKE_DUE = """
select * from redeliveries where state = 'running' and next_at <= $1 order by next_at, id limit 1 for update skip locked
"""

NEXT_DUE = "select min(next_at) from redeliveries where state = 'running' and next_at > $1"

TAKE_ITEMS = """
select i.number, i.action as item, a.*
  from (select * from redelivery_items where redelivery = $1 and state = 'waiting' order by number limit $2) i
  left join lateral (select * from actions where id = i.action for update) a on true
 order by i.number
"""

SETTLE_ITEMS = """
update redelivery_items i set state = case when t.again is null then 'skipped' else 'sent' end, again = t.again
  from unnest($2::integer[], $3::uuid[]) as t (number, again)
 where i.redelivery = $1 and i.number = t.number
"""

GO_ON = """
update redeliveries r
   set sent = sent + $2, skipped = skipped + $3, next_at = $4,
       changed_at = case when left_over then changed_at else $5 end,
       state = case when left_over then state else 'done' end
  from (select exists (select from redelivery_items where redelivery = $1 and state = 'waiting') as left_over) l
 where r.id = $1
"""

# A post that was tried again meanwhile stands at a later attempt than the action knew of.
ANEW = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, rule, revision, run, provider, post, bucket,
                     state, created_at, redelivers)
select t.id, t.key, a.verb, a.target,
       case when a.verb = 'retry' and p.attempt is not null
            then jsonb_set(a.payload, '{attempt}', to_jsonb(p.attempt)) else a.payload end,
       $4, a.rule, a.revision, a.run, a.provider, a.post, a.bucket, 'pending', $4, a.id
  from unnest($1::uuid[], $2::text[], $3::uuid[]) as t (id, key, action)
  join actions a on a.id = t.action
  left join posts p on p.projection = (select version from projections where current)
                   and p.provider = a.provider and p.post = a.post
"""

FORGET = "delete from redeliveries where state in ('done', 'cancelled') and changed_at < $1"


async def make(conn: Connection, plan: Plan, chosen: str, values: Sequence[object], now: datetime) -> int:
    """Write the plan down with the actions that the statement `chosen` selects (created_at, id); answers how many."""
    await conn.execute(MAKE, plan.id, plan.filters, plan.fresh, plan.rate, plan.note, plan.by, now)
    statement = CHOOSE.format(plan=f"${len(values) + 1}::uuid", chosen=chosen)
    total: int = await conn.fetchval(statement, *values, plan.id)
    wake_after_commit(conn, REDELIVERIES)
    return total


async def get(conn: Connection, plan: UUID) -> Redelivery:
    """The plan as it stands; raises NotFound."""
    return _found(await conn.fetchrow(ONE, plan), plan)


async def lock(conn: Connection, plan: UUID) -> Redelivery:
    """The plan, locked for this transaction; raises NotFound."""
    return _found(await conn.fetchrow(LOCK, plan), plan)


async def outcomes(conn: Connection, plan: UUID) -> dict[str, int]:
    """How many of the actions that were done once more are in which state by now."""
    return {row["state"]: row["actions"] for row in await conn.fetch(OUTCOMES, plan)}


async def move(conn: Connection, plan: UUID, state: str, now: datetime) -> None:
    """Bring the plan into another state."""
    await conn.execute(MOVE, plan, state, now)
    wake_after_commit(conn, REDELIVERIES)


async def take_due(conn: Connection, now: datetime) -> Redelivery | None:
    """A plan that goes on now, held for this transaction, so that nobody else goes on with it."""
    row = await conn.fetchrow(TAKE_DUE, now)
    return into(Redelivery, row) if row else None


async def next_due(conn: Connection, now: datetime) -> datetime | None:
    """When the earliest plan goes on that does not go on yet."""
    due: datetime | None = await conn.fetchval(NEXT_DUE, now)
    return due


async def take_items(conn: Connection, plan: UUID, limit: int) -> list[Item]:
    """The next actions of the plan, locked."""
    rows = await conn.fetch(TAKE_ITEMS, plan, limit)
    return [Item(row["number"], row["item"], into(KnownAction, row) if row["id"] else None) for row in rows]


async def ask_anew(conn: Connection, anew: Sequence[tuple[UUID, str, UUID]], now: datetime) -> None:
    """Ask for each (id, idempotency key, of which action) as a new action that says the same."""
    await conn.execute(ANEW, *(list(column) for column in zip(*anew, strict=True)), now)
    wake_after_commit(conn, ACTIONS)


async def settle(
    conn: Connection, plan: UUID, items: Sequence[tuple[int, UUID | None]], next_at: datetime, now: datetime
) -> None:
    """Record what became of items, by (number, the action that does it again; None: skipped), and move the plan on."""
    numbers, again = [number for number, _ in items], [action for _, action in items]
    if items:
        await conn.execute(SETTLE_ITEMS, plan, numbers, again)
    skipped = again.count(None)
    await conn.execute(GO_ON, plan, len(items) - skipped, skipped, next_at, now)


async def forget(conn: Connection, before: datetime) -> None:
    """Drop plans that ended before that moment."""
    await conn.execute(FORGET, before)


def _found(row: Row | None, plan: UUID) -> Redelivery:
    if row is None:
        raise NotFound(f"there is no redelivery {plan}")
    return into(Redelivery, row)
