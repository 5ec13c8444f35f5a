"""Plans in Postgres: what one is about is settled when it is made, and each of it has its turn once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tracker.errors import NotFound
from tracker.store.session import into
from tracker.store.wakeups import ACTIONS, PLANS
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.domain.plans import Order
    from tracker.store.database import Connection

MOST = 1_000_000
"""The posts or actions of one plan."""
MOST_SILENCED = 1000
"""Silences are read by every step of the processor: what concerns more than so many posts has a name of its own."""
OUTCOMES_OF = 10_000
"""What became of its orders is counted for those of a plan that had their turn last."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as it stands; `next_at` is when it goes on, `place` how many had their turn, `skipped` counts reasons."""

    id: UUID
    state: str
    subject: str
    verb: str
    filters: dict[str, object]
    include_all: bool
    until: datetime | None
    pace: str
    note: str
    by: str
    created_at: datetime
    changed_at: datetime
    next_at: datetime
    total: int
    place: int
    ordered: int
    skipped: dict[str, int]

    @property
    def left(self) -> int:
        """How many have not had their turn."""
        return self.total - self.place


MAKE = """
insert into plans (id, subject, verb, filters, include_all, until, pace, note, by, created_at, changed_at, next_at,
                   total)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10, 0)
"""

CHOOSE = """
with chosen as (
  insert into plan_items (plan, number, provider, post, action)
  select {plan}, row_number() over (order by c.at, c.provider, c.post, c.action), c.provider, c.post, c.action
    from ({chosen}) c
  returning number
)
update plans set total = (select count(*) from chosen) where id = {plan} returning *
"""

ONE = "select * from plans where id = $1"

LOCK = "select * from plans where id = $1 for update"

OUTCOMES = """
select a.state, count(*) as actions
  from (select again from plan_items where plan = $1 and number <= $2 order by number desc limit $3) i
  join actions a on a.id = i.again
 group by a.state
"""

MOVE = """
update plans set state = $2, changed_at = $3, next_at = greatest(next_at, $3::timestamptz) where id = $1 returning *
"""

TAKE_DUE = """
select * from plans where state = 'running' and next_at <= $1 order by next_at, id limit 1 for update skip locked
"""

NEXT_DUE = "select min(next_at) from plans where state = 'running' and next_at > $1"

SETTLE_ITEMS = """
update plan_items i set again = t.again
  from unnest($2::integer[], $3::uuid[]) as t (number, again)
 where i.plan = $1 and i.number = t.number
"""

GO_ON = """
update plans
   set place = place + $2, ordered = ordered + $3, skipped = $4, next_at = $5,
       changed_at = case when place + $2 < total then changed_at else $6 end,
       state = case when place + $2 < total then state else 'done' end
 where id = $1
"""

# A post that was tried again meanwhile stands at a later attempt than the action knew of.
ANEW = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, rule, revision, run, provider, post, bucket,
                     state, created_at, redelivers)
select $1, $2, a.verb, a.target,
       case when a.verb = 'retry' and p.attempt is not null
            then jsonb_set(a.payload, '{attempt}', to_jsonb(p.attempt)) else a.payload end,
       $4, a.rule, a.revision, a.run, a.provider, a.post, a.bucket, 'pending', $4, a.id
  from actions a
  left join posts p on p.projection = (select version from projections where current)
                   and p.provider = a.provider and p.post = a.post
 where a.id = $3
"""

FORGET = "delete from plans where state in ('done', 'cancelled') and changed_at < $1"


async def make(
    conn: Connection, id_: UUID, order: Order, chosen: tuple[str, Sequence[object]], by: str, now: datetime
) -> Plan:
    """Write it down with what the statement (its text, and its values) selects: at, provider, post, action."""
    how = (order.subject, order.verb, order.filters, order.include_all, order.until, order.pace, order.note)
    await conn.execute(MAKE, id_, *how, by, now)
    statement, values = chosen
    row = await conn.fetchrow(CHOOSE.format(plan=f"${len(values) + 1}::uuid", chosen=statement), *values, id_)
    wake_after_commit(conn, PLANS)
    return into(Plan, row)


async def get(conn: Connection, plan: UUID, *, lock: bool = False) -> Plan:
    """The plan as it stands, locked for this transaction if so wished; raises NotFound."""
    row = await conn.fetchrow(LOCK if lock else ONE, plan)
    if row is None:
        raise NotFound(f"there is no plan {plan}")
    return into(Plan, row)


async def outcomes(conn: Connection, plan: Plan) -> dict[str, int]:
    """How many of the actions that it ordered last are in which state by now."""
    return {row["state"]: row["actions"] for row in await conn.fetch(OUTCOMES, plan.id, plan.place, OUTCOMES_OF)}


async def move(conn: Connection, plan: UUID, state: str, now: datetime) -> Plan:
    """Bring the plan into another state."""
    wake_after_commit(conn, PLANS)
    return into(Plan, await conn.fetchrow(MOVE, plan, state, now))


async def take_due(conn: Connection, now: datetime) -> Plan | None:
    """A plan that goes on now, held for this transaction, so that nobody else goes on with it."""
    row = await conn.fetchrow(TAKE_DUE, now)
    return into(Plan, row) if row else None


async def next_due(conn: Connection, now: datetime) -> datetime | None:
    """When the earliest plan goes on that does not go on yet."""
    due: datetime | None = await conn.fetchval(NEXT_DUE, now)
    return due


async def ask_anew(conn: Connection, anew: UUID, key: str, action: UUID, now: datetime) -> None:
    """Ask for `anew`, a new action under that idempotency key that says the same as the other."""
    await conn.execute(ANEW, anew, key, action, now)
    wake_after_commit(conn, ACTIONS)


async def settle(
    conn: Connection, plan: Plan, items: Mapping[int, UUID | None], skipped: Mapping[str, int], next_at: datetime,
    now: datetime,
) -> None:  # fmt: skip
    """Record what became of items, by their numbers (what each was ordered by; None: passed over), and move it on.

    `skipped` counts reasons, of the whole plan.
    """
    ordered = {number: again for number, again in items.items() if again}
    if ordered:
        await conn.execute(SETTLE_ITEMS, plan.id, list(ordered), list(ordered.values()))
    await conn.execute(GO_ON, plan.id, len(items), len(ordered), skipped, next_at, now)


async def forget(conn: Connection, before: datetime) -> None:
    """Drop plans that ended before that moment."""
    await conn.execute(FORGET, before)
