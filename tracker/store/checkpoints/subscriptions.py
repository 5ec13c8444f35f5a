"""How far a subscription has read; the buckets that stand together have one place.

A place is never written over: each step writes the next one and removes the one from which it began. So the newest is
found at once, however many old ones a transaction that stays open keeps from being cleaned up, and a place that has
been moved meanwhile is not there any more: nothing has to be locked while a batch is handled, for whoever comes second
finds no place to move, and nothing of what it writes with that move is kept.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

import asyncpg

from tracker.errors import Unavailable
from tracker.store.log.feed import EVENTS, Checkpoint, beginning, read_after, without_a_part
from tracker.store.session import Part, fetch_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tracker.store.database import Connection, Row
    from tracker.store.log.feed import Batch


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """Some buckets of a subscription, and the checkpoint at which they stand after `step` steps.

    Up to `caught_up_at` nothing was left to read.
    """

    share: int
    buckets: Sequence[int]
    step: int
    checkpoint: Checkpoint
    caught_up_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """The shares that this node reads, each where it stands, and the checkpoint `head` up to which there are events."""

    standings: Sequence[SubscriptionState]
    head: Checkpoint

    @property
    def hindmost(self) -> list[SubscriptionState]:
        """The shares that are furthest behind."""
        seen = min((share.checkpoint for share in self.standings), key=IN_ORDER)
        return [share for share in self.standings if share.checkpoint == seen]

    @property
    def upto(self) -> Checkpoint:
        """How far the hindmost are to read: up to the foremost, to stand together from then on.

        A place in the middle of a batch may have seen what the foremost has not; from there it goes on to the head.
        """
        seen = self.hindmost[0].checkpoint
        foremost = max((share.checkpoint for share in self.standings), key=IN_ORDER)
        return foremost if foremost != seen and foremost.holds(seen) else self.head


IN_ORDER = attrgetter("order")

NEWEST = "select * from places where name = s.name and share = s.share order by step desc limit 1"

HEAD_SEEN = "(select head from top)"
NO_EVENT = ", ".join(f"null as {name}" for name in ["xid", *EVENTS.columns.split(", ")])
NO_SHARE = ", ".join(["null"] * 8)

READ = f"""
with top as materialized (select (select max(epoch) from log_epochs) as head_epoch, pg_current_snapshot() as head)
select s.share, s.buckets, p.step, p.epoch, p.snapshot, p.caught_up_at, top.*, {NO_EVENT}
  from top cross join shares s cross join lateral ({NEWEST}) p
 where s.name = $7 and s.owner = $8
 union all
select {NO_SHARE}, e.*
  from ({EVENTS.seen_by(HEAD_SEEN, "cardinality($5::xid8[]) > 0 and xid = any($5::xid8[])", 3)}) e
 union all
select {NO_SHARE}, e.*
  from ({EVENTS.seen_by(HEAD_SEEN, f"xid >= $4 and xid < pg_snapshot_xmax({HEAD_SEEN})", 3)} limit $6) e
"""
"""What a node holds, the head of the log, and the next events of the buckets $2 after the place ($1, $3), in one.

Mostly no transaction was under way at the place, and then nothing is looked for among what such ones wrote: where few
transactions wrote much, Postgres would walk over whole days for it.
"""

HOLD_STILL = "lock table places in share row exclusive mode"

STEP_ON = """
with passed as (
  delete from places where name = $1 returning name, share, step, epoch, snapshot, caught_up_at
)
insert into places (name, share, step, epoch, snapshot, caught_up_at)
select name, share, step + 1, epoch, snapshot, caught_up_at from passed
"""

STANDS = f"""
select s.share, s.buckets, p.step, p.epoch, p.snapshot, p.caught_up_at
  from shares s cross join lateral ({NEWEST}) p
 where s.name = $1
 order by s.share
"""

JOIN = """
with joined as (
  delete from shares where name = $1 and share = any($3::smallint[]) and owner = $5 returning buckets
), passed as (
  delete from places p using unnest($3::smallint[], $4::bigint[]) as stood (share, step)
   where p.name = $1 and p.share = stood.share and p.step = stood.step
  returning p.share
)
update shares s
   set buckets = array(select unnest(s.buckets) union all select unnest(buckets) from joined order by 1)
 where s.name = $1 and s.share = $2 and s.owner = $5
   and (select count(*) from passed) = cardinality($3) and (select count(*) from joined) = cardinality($3)
returning s.buckets
"""

LEAVE = "delete from places where name = $1 and share = $2 and step = $3 returning step"

MOVE = """
insert into places (name, share, step, epoch, snapshot, caught_up_at)
select $1::text, $2::smallint, (select step + 1 from passed), $4::integer, $5::pg_snapshot, $6::timestamptz
returning step
"""
"""Where the place is gone there is no next step, which no place may be without: the whole statement fails."""

MOVED = "select from moved"

CAUGHT_UP_EVERYWHERE = """
select min(coalesce(caught_up_at, 'epoch')) from subscriptions where name = $1 and not bucket = any($2::smallint[])
"""

PARK = """
insert into parked (subscription, item, bucket, error, parked_at) values ($1, $2, $3, $4, $5)
on conflict do nothing
"""


async def read(
    conn: Connection, name: str, node: str, stood: SubscriptionState | None, limit: int
) -> tuple[Held, Batch] | None:
    """What is this node's, and the next events of what is furthest behind; None: nothing is its own.

    Where all of it still is as it `stood` after the node's last step, one statement finds that out and reads the events
    as well; otherwise they are asked for when it is known where the node stands.
    """
    place, buckets = (stood.checkpoint, list(stood.buckets)) if stood else (beginning(0), [])
    rows = await conn.fetch(
        READ, place.epoch, buckets, place.raw, place.xmax, place.running, limit, name, node
    )  # fmt: skip
    own = [row for row in rows if row["share"] is not None]
    if not own:
        return None
    # Shares are joined to the first, which must be the one that bears the lowest of all their names.
    standings = sorted(map(_standing, own), key=attrgetter("share"))
    held = Held(standings, Checkpoint.of(own[0]["head_epoch"], own[0]["head"]))
    first, *others = held.hindmost
    if not others and first == stood and held.upto is held.head and place.epoch == held.head.epoch:
        events = [row for row in rows if row["share"] is None]
        return held, await without_a_part(conn, EVENTS, place, held.head, buckets, limit, events)
    buckets = [bucket for share in (first, *others) for bucket in share.buckets]
    return held, await read_after(conn, EVENTS, first.checkpoint, held.upto, buckets, limit)


async def hold_still(conn: Connection, name: str) -> list[SubscriptionState]:
    """All shares, whoever holds them: the subscription stands still within this transaction.

    Each has a new place, so that no step counts any more that has begun before.
    """
    await conn.execute(HOLD_STILL)
    await conn.execute(STEP_ON, name)
    return await stands(conn, name)


async def stands(conn: Connection, name: str) -> list[SubscriptionState]:
    """All shares of the subscription, whoever holds them, as they stand."""
    return [_standing(row) for row in await conn.fetch(STANDS, name)]


async def seen_by_all(conn: Connection, name: str) -> Checkpoint | None:
    """What all of the subscription have handled: the hindmost place, or None while others have not seen all of that."""
    places = [share.checkpoint for share in await stands(conn, name)]
    hindmost = min(places, key=lambda place: place.order, default=beginning(1))
    return hindmost if all(place.holds(hindmost) for place in places) else None


async def advance(
    conn: Connection,
    name: str,
    node: str,
    stood: Sequence[SubscriptionState],
    reached: Checkpoint,
    caught_up_at: datetime | None,
) -> SubscriptionState:
    """Move shares that stood together, which are one from now on, and answer how it stands.

    Raises Unavailable where they stand there no more.
    """
    with gone_is_unavailable(name):
        await write_moving(conn, [moving(name, stood[0], reached, caught_up_at)])
        return await joined(conn, name, node, stood, moved_on(stood[0], reached, caught_up_at))


async def write_moving(conn: Connection, parts: Sequence[Part], asking: str = MOVED) -> list[Row]:
    """Write the parts at once, and ask what reads `moved` first: a place is moved, and that before all else."""
    return await fetch_at_once(conn, parts, asking)


def moved_on(stood: SubscriptionState, reached: Checkpoint, caught_up_at: datetime | None) -> SubscriptionState:
    """How a share stands once its place is moved."""
    return replace(stood, step=stood.step + 1, checkpoint=reached, caught_up_at=caught_up_at)


@contextmanager
def gone_is_unavailable(name: str) -> Iterator[None]:
    """Raises Unavailable where a place of the subscription is to be moved that is not there any more."""
    try:
        yield
    except asyncpg.NotNullViolationError as error:
        if error.table_name != "places":
            raise
        raise Unavailable(f"somebody else has moved the {name} meanwhile") from error


def moving(name: str, stood: SubscriptionState, reached: Checkpoint, caught_up_at: datetime | None) -> Part:
    """Moves the place of a share; `moved` has its next step. Fails where it stands there no more."""
    values = (name, stood.share, stood.step, reached.epoch, reached.raw, caught_up_at)
    return Part((("passed", LEAVE), ("moved", MOVE)), values)


async def joined(
    conn: Connection, name: str, node: str, stood: Sequence[SubscriptionState], stands: SubscriptionState
) -> SubscriptionState:
    """How the first of shares stands that stood together, once the others are joined to it.

    Raises Unavailable where they stood there no more.
    """
    others = stood[1:]
    if not others:
        return stands
    steps = [other.step for other in others]
    buckets = await conn.fetchval(JOIN, name, stands.share, [other.share for other in others], steps, node)
    if buckets is None:
        raise Unavailable(f"somebody else has moved the {name} meanwhile")
    return replace(stands, buckets=buckets)


async def caught_up_everywhere(conn: Connection, name: str, but: Sequence[int] = ()) -> datetime | None:
    """The moment up to which nothing was left to read in any bucket; None: there is none beside those of `but`."""
    reached: datetime | None = await conn.fetchval(CAUGHT_UP_EVERYWHERE, name, but)
    return reached


async def park(conn: Connection, name: str, item: int, bucket: int, error: str, now: datetime) -> None:
    """Set an item aside that cannot be handled, so that its bucket goes on."""
    await conn.execute(PARK, name, item, bucket, error[:2000], now)


def _standing(row: Row) -> SubscriptionState:
    return SubscriptionState(
        row["share"], row["buckets"], row["step"], Checkpoint.of(row["epoch"], row["snapshot"]), row["caught_up_at"]
    )
