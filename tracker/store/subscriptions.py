"""Who reads which bucket, how far it is, and under which lease; leases run on the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.event import BUCKETS
from tracker.store.snapshot import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from tracker.store.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Held:
    """A bucket that this node reads."""

    bucket: int
    lease: int
    checkpoint: Checkpoint


CREATE = """
insert into subscriptions (name, bucket, epoch, snapshot)
select $1, bucket, $3, $4 from generate_series(0, $2::integer - 1) bucket
on conflict do nothing
"""

SHOW_UP = """
insert into nodes (name, node, seen_at) values ($1, $2, clock_timestamp())
on conflict (name, node) do update set seen_at = excluded.seen_at
"""

FORGET_DEAD_NODES = "delete from nodes where name = $1 and seen_at < clock_timestamp() - $2::interval"

FAIR_SHARE = "select ceil($2::numeric / greatest(count(*), 1))::integer from nodes where name = $1"

RELEASE_SURPLUS = """
update subscriptions set owner = null, leased_until = null
 where name = $1 and owner = $2
   and bucket not in (select bucket from subscriptions where name = $1 and owner = $2 order by bucket limit $3)
"""

RENEW = """
update subscriptions set leased_until = clock_timestamp() + $3::interval, heartbeat_at = clock_timestamp()
 where name = $1 and owner = $2
"""

CLAIM_FREE = """
update subscriptions s
   set owner = $2, lease = s.lease + 1, leased_until = clock_timestamp() + $3::interval,
       heartbeat_at = clock_timestamp()
  from (select bucket from subscriptions
         where name = $1 and (owner is null or leased_until < clock_timestamp())
         order by bucket
         limit greatest($4::integer - (select count(*) from subscriptions where name = $1 and owner = $2), 0)
           for update skip locked) free
 where s.name = $1 and s.bucket = free.bucket
"""

LEAVE = "update subscriptions set owner = null, leased_until = null where name = $1 and owner = $2"

FORGET_NODE = "delete from nodes where name = $1 and node = $2"

LOCK_HELD = """
select bucket, lease, epoch, snapshot from subscriptions where name = $1 and owner = $2 order by bucket for update
"""

LOCK_ALL = "select bucket, lease, epoch, snapshot from subscriptions where name = $1 order by bucket for update"

STANDS = "select bucket, lease, epoch, snapshot from subscriptions where name = $1 order by bucket"

ADVANCE = """
update subscriptions
   set epoch = $4, snapshot = $5, caught_up_at = coalesce($6, caught_up_at), heartbeat_at = clock_timestamp(),
       leased_until = clock_timestamp() + $7::interval
 where name = $1 and owner = $2 and bucket = any($3::smallint[])
"""

CAUGHT_UP = "select bucket, caught_up_at from subscriptions where name = $1 and bucket = any($2::smallint[])"

CAUGHT_UP_EVERYWHERE = "select min(coalesce(caught_up_at, 'epoch')) from subscriptions where name = $1"

PARK = """
insert into parked (subscription, item, bucket, error, parked_at) values ($1, $2, $3, $4, $5)
on conflict do nothing
"""


async def create(conn: Connection, name: str, start: Checkpoint) -> None:
    """Make the subscription's buckets, standing at `start`, unless they exist."""
    await conn.execute(CREATE, name, BUCKETS, start.epoch, start.raw)


async def tend(conn: Connection, name: str, node: str, lease: timedelta) -> None:
    """Show that `node` lives, renew what it holds, give up what exceeds its fair share, take what is free."""
    await conn.execute(SHOW_UP, name, node)
    await conn.execute(FORGET_DEAD_NODES, name, lease)
    share = await conn.fetchval(FAIR_SHARE, name, BUCKETS)
    await conn.execute(RELEASE_SURPLUS, name, node, share)
    await conn.execute(RENEW, name, node, lease)
    await conn.execute(CLAIM_FREE, name, node, lease, share)


async def leave(conn: Connection, name: str, node: str) -> None:
    """Give everything up, so that others need not wait for the lease to end."""
    await conn.execute(LEAVE, name, node)
    await conn.execute(FORGET_NODE, name, node)


async def lock_held(conn: Connection, name: str, node: str) -> list[Held]:
    """The buckets that are this node's, locked for this transaction: nobody takes them over inside it."""
    return [_held(row) for row in await conn.fetch(LOCK_HELD, name, node)]


async def lock_all(conn: Connection, name: str) -> list[Held]:
    """All buckets, whoever holds them, locked for this transaction: the subscription stands still inside it."""
    return [_held(row) for row in await conn.fetch(LOCK_ALL, name)]


async def stands(conn: Connection, name: str) -> list[Held]:
    """All buckets as they stand."""
    return [_held(row) for row in await conn.fetch(STANDS, name)]


async def advance(
    conn: Connection,
    name: str,
    node: str,
    buckets: Sequence[int],
    reached: Checkpoint,
    caught_up_at: datetime | None,
    lease: timedelta,
) -> None:
    """Move the buckets' checkpoint; `caught_up_at` is set when nothing was left to read."""
    await conn.execute(ADVANCE, name, node, list(buckets), reached.epoch, reached.raw, caught_up_at, lease)


async def caught_up_at(conn: Connection, name: str, buckets: Iterable[int]) -> dict[int, datetime | None]:
    """For each bucket, the moment up to which nothing was left to read."""
    rows = await conn.fetch(CAUGHT_UP, name, list(buckets))
    return {row["bucket"]: row["caught_up_at"] for row in rows}


async def caught_up_everywhere(conn: Connection, name: str) -> datetime | None:
    """The moment up to which nothing was left to read in any bucket."""
    reached: datetime | None = await conn.fetchval(CAUGHT_UP_EVERYWHERE, name)
    return reached


async def park(conn: Connection, name: str, item: int, bucket: int, error: str, now: datetime) -> None:
    """Set an item aside that cannot be handled, so that its bucket goes on."""
    await conn.execute(PARK, name, item, bucket, error[:2000], now)


def _held(row: Row) -> Held:
    return Held(row["bucket"], row["lease"], Checkpoint.of(row["epoch"], row["snapshot"]))
