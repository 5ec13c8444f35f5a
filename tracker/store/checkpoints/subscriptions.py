"""How far a subscription has read; the buckets that stand together have one place.

A place is never written over: each step writes the next one and removes the one from which it began, so that the
newest is found at once, however many old ones a transaction that stays open keeps from being cleaned up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.errors import Unavailable
from tracker.store.checkpoints.snapshot import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.store.database import Connection, Row


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """Some buckets of a subscription, and the checkpoint at which they stand after `step` steps.

    Up to `caught_up_at` nothing was left to read, and up to `complete` what it reads is complete itself.
    """

    share: int
    buckets: Sequence[int]
    step: int
    checkpoint: Checkpoint
    caught_up_at: datetime | None
    complete: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """The shares that this node reads, each where it stands, and the checkpoint `head` up to which there are rows."""

    standings: Sequence[SubscriptionState]
    head: Checkpoint


NEWEST = "select * from places where name = s.name and share = s.share order by step desc limit 1"

LOCK_HELD = f"""
select s.share, s.buckets, p.step, p.epoch, p.snapshot, p.caught_up_at, above.caught_up_at as complete,
       (select max(epoch) from log_epochs) as head_epoch, pg_current_snapshot() as head
  from shares s
 cross join lateral ({NEWEST}) p
 cross join lateral (select min(coalesce(caught_up_at, 'epoch')) as caught_up_at
                       from subscriptions where name = $3 and bucket = any(s.buckets)) above
 where s.name = $1 and s.owner = $2
 order by s.share
   for update of s
"""

LOCK_ALL = "select from shares where name = $1 order by share for update"

STANDS = f"""
select s.share, s.buckets, p.step, p.epoch, p.snapshot, p.caught_up_at, null::timestamptz as complete
  from shares s cross join lateral ({NEWEST}) p
 where s.name = $1
 order by s.share
"""

JOIN = """
with joined as (
  delete from shares where name = $1 and share = any($3::smallint[]) returning buckets
), passed as (
  delete from places p using unnest($3::smallint[], $4::bigint[]) as stood (share, step)
   where p.name = $1 and p.share = stood.share and p.step = stood.step
  returning p.share
)
update shares s
   set buckets = array(select unnest(s.buckets) union all select unnest(buckets) from joined order by 1)
 where s.name = $1 and s.share = $2 and (select count(*) from passed) = cardinality($3)
returning s.share
"""

ADVANCE = """
with passed as (
  delete from places where name = $1 and share = $2 and step = $3 returning step
)
insert into places (name, share, step, epoch, snapshot, caught_up_at) select $1, $2, step + 1, $4, $5, $6 from passed
returning step
"""

CAUGHT_UP_EVERYWHERE = "select min(coalesce(caught_up_at, 'epoch')) from subscriptions where name = $1"

PARK = """
insert into parked (subscription, item, bucket, error, parked_at) values ($1, $2, $3, $4, $5)
on conflict do nothing
"""


async def lock_held(conn: Connection, name: str, node: str, upstream: str | None = None) -> Held | None:
    """What is this node's, locked for this transaction, so that nobody takes it over inside it; None: nothing.

    Where each stands, how far `upstream` has got and what there is to read are seen at one and the same moment.
    """
    rows = await conn.fetch(LOCK_HELD, name, node, upstream)
    if not rows:
        return None
    return Held([_standing(row) for row in rows], Checkpoint.of(rows[0]["head_epoch"], rows[0]["head"]))


async def lock_all(conn: Connection, name: str) -> list[SubscriptionState]:
    """All shares, whoever holds them, locked for this transaction: the subscription stands still inside it."""
    await conn.execute(LOCK_ALL, name)
    return await stands(conn, name)


async def stands(conn: Connection, name: str) -> list[SubscriptionState]:
    """All shares of the subscription, whoever holds them, as they stand."""
    return [_standing(row) for row in await conn.fetch(STANDS, name)]


async def advance(
    conn: Connection, name: str, stood: Sequence[SubscriptionState], reached: Checkpoint, caught_up_at: datetime | None
) -> None:
    """Move shares that stood together, which are one from now on; raises Unavailable where they stand there no more."""
    first, *others = stood
    moved = await conn.fetchval(ADVANCE, name, first.share, first.step, reached.epoch, reached.raw, caught_up_at)
    if moved is not None and others:
        joined = [other.share for other in others]
        moved = await conn.fetchval(JOIN, name, first.share, joined, [other.step for other in others])
    if moved is None:
        raise Unavailable(f"somebody else has moved the {name} meanwhile")


async def caught_up_everywhere(conn: Connection, name: str) -> datetime | None:
    """The moment up to which nothing was left to read in any bucket."""
    reached: datetime | None = await conn.fetchval(CAUGHT_UP_EVERYWHERE, name)
    return reached


async def park(conn: Connection, name: str, item: int, bucket: int, error: str, now: datetime) -> None:
    """Set an item aside that cannot be handled, so that its bucket goes on."""
    await conn.execute(PARK, name, item, bucket, error[:2000], now)


def _standing(row: Row) -> SubscriptionState:
    checkpoint = Checkpoint.of(row["epoch"], row["snapshot"])
    return SubscriptionState(
        row["share"], row["buckets"], row["step"], checkpoint, row["caught_up_at"], row["complete"]
    )
