"""Leases of actions under way: renewed by who holds them, and what a dead process held, put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta
    from uuid import UUID

    from tracker.store.database import Connection

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


async def renew(conn: Connection, node: str, lease: timedelta, actions: Collection[UUID]) -> None:
    """Have the leases of these actions last so much longer, where the node still has them."""
    await conn.execute(RENEW, node, lease, list(actions))


async def rescue(conn: Connection, now: datetime) -> int:
    """Make actions pending again whose lease has lapsed; answers how many, 500 at most."""
    status: str = await conn.execute(RESCUE, now)
    return int(status.rsplit(maxsplit=1)[-1])


CAUSE = "select data ->> 'cause' from runs where id = $1"


async def cause_of(conn: Connection, run: UUID) -> str | None:
    """What caused the run that has asked for an action, as the engine calls it; None when that run is gone."""
    cause: str | None = await conn.fetchval(CAUSE, run)
    return cause
