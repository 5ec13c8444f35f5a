"""Who reads which buckets of a subscription, in fair shares, and under which lease, by the database's clock.

The buckets that stand together are one share. Whoever handles a batch holds nothing locked meanwhile: a share that is
cut gets its place anew, so that a step that began before the cut can no longer move it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tracker.domain.posts.event import BUCKETS
from tracker.errors import Unavailable
from tracker.store.wakeups import SHARES
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from tracker.store.database import Connection
    from tracker.store.log.feed import Checkpoint

Piece: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece and the part of it that becomes a piece of its own."""

    piece: Piece
    off: Piece

    @property
    def kept(self) -> Piece:
        """What is left of the piece, under the name that it had."""
        return tuple(bucket for bucket in self.piece if bucket not in self.off)


@dataclass(frozen=True, slots=True)
class Parted:
    """Pieces of which `taken` hold as many buckets as were wanted, or all there are, once `cut` is made."""

    taken: Sequence[Piece]
    left: Sequence[Piece]
    cut: Cut | None = None


def part(pieces: Sequence[Piece], wanted: int) -> Parted:
    """The first pieces with `wanted` buckets in all; the piece in which that number is reached is cut."""
    taken: list[Piece] = []
    for number, piece in enumerate(pieces):
        if wanted < len(piece):
            rest = pieces[number + 1 :]
            if wanted <= 0:
                return Parted(taken, [piece, *rest])
            cut = Cut(piece, piece[wanted:])
            return Parted([*taken, cut.kept], [cut.off, *rest], cut)
        taken.append(piece)
        wanted -= len(piece)
    return Parted(taken, [])


CREATE = """
with created as (
  insert into shares (name, share, buckets)
  select $1, 0, array_agg(bucket order by bucket) from generate_series(0, $2::integer - 1) bucket
  on conflict do nothing
  returning name, share
)
insert into places (name, share, step, epoch, snapshot) select name, share, 1, $3, $4 from created
"""

SHOW_UP = """
insert into nodes (name, node, seen_at) values ($1, $2, clock_timestamp())
on conflict (name, node) do update set seen_at = excluded.seen_at
returning xmax = 0
"""
"""Whether it is new."""

FORGET_DEAD_NODES = "delete from nodes where name = $1 and seen_at < clock_timestamp() - $2::interval"

NODES = "select greatest(count(*), 1) from nodes where name = $1"

OWN = "select buckets from shares where name = $1 and owner = $2 order by share for update skip locked"

FREE = """
select buckets from shares
 where name = $1 and owner is distinct from $2 and (owner is null or leased_until < clock_timestamp())
 order by share for update skip locked
"""

CUT = """
with passed as (
  delete from places where name = $1 and share = $2 returning step, epoch, snapshot, caught_up_at
), cut as (
  update shares set buckets = $3 from passed where name = $1 and share = $2
  returning lease, owner, leased_until, heartbeat_at
), made as (
  insert into shares (name, share, buckets, lease, owner, leased_until, heartbeat_at)
  select $1, ($4::smallint[])[1], $4, cut.* from cut
)
insert into places (name, share, step, epoch, snapshot, caught_up_at)
select $1, piece.share, step + 1, epoch, snapshot, caught_up_at
  from passed cross join (values ($2::smallint), (($4::smallint[])[1])) as piece (share)
"""

RELEASE = "update shares set owner = null, leased_until = null where name = $1 and share = any($2::smallint[])"

RENEW = """
update shares set leased_until = clock_timestamp() + $3::interval, heartbeat_at = clock_timestamp()
 where name = $1 and share = any($2::smallint[])
"""

CLAIM = """
update shares
   set owner = $4, lease = lease + 1, leased_until = clock_timestamp() + $3::interval,
       heartbeat_at = clock_timestamp()
 where name = $1 and share = any($2::smallint[])
"""

LEAVE = "update shares set owner = null, leased_until = null where name = $1 and owner = $2"

FORGET_NODE = "delete from nodes where name = $1 and node = $2"


async def create(conn: Connection, name: str, start: Checkpoint) -> None:
    """Make one share of all buckets, standing at `start`, unless the subscription has begun."""
    await conn.execute(CREATE, name, BUCKETS, start.epoch, start.raw)


async def tend(conn: Connection, name: str, node: str, lease: timedelta) -> bool:
    """Show that `node` lives, renew what it holds, give up what exceeds its fair share, take what is free.

    The others look at once where somebody has come or given something up. Answers whether `node` has what the others
    may not keep; it may not, where others have not given up theirs yet or take what is free at this moment. Raises
    Unavailable where a share that is to be cut is moved at this moment by whoever had it.
    """
    has_come = await conn.fetchval(SHOW_UP, name, node)
    await conn.execute(FORGET_DEAD_NODES, name, lease)
    nodes = int(await conn.fetchval(NODES, name))
    fair = -(-BUCKETS // nodes)
    own = await _part(conn, name, await _pieces(conn, OWN, name, node), fair)
    room = fair - sum(map(len, own.taken))
    free = await _part(conn, name, await _pieces(conn, FREE, name, node), room)
    await conn.execute(RELEASE, name, _names(own.left))
    await conn.execute(RENEW, name, _names(own.taken), lease)
    await conn.execute(CLAIM, name, _names(free.taken), lease, node)
    if has_come or own.left:
        wake_after_commit(conn, SHARES)
    return sum(map(len, (*own.taken, *free.taken))) >= BUCKETS - (nodes - 1) * fair


async def leave(conn: Connection, name: str, node: str) -> None:
    """Give everything up, so that others need not wait for the lease to end."""
    await conn.execute(LEAVE, name, node)
    await conn.execute(FORGET_NODE, name, node)
    wake_after_commit(conn, SHARES)


async def _pieces(conn: Connection, query: str, name: str, node: str) -> list[Piece]:
    return [tuple(row["buckets"]) for row in await conn.fetch(query, name, node)]


async def _part(conn: Connection, name: str, pieces: Sequence[Piece], wanted: int) -> Parted:
    parted = part(pieces, wanted)
    if cut := parted.cut:
        made = await conn.execute(CUT, name, cut.piece[0], list(cut.kept), list(cut.off))
        if made != "INSERT 0 2":
            raise Unavailable(f"somebody has moved the {name} meanwhile")
    return parted


def _names(pieces: Sequence[Piece]) -> list[int]:
    return [piece[0] for piece in pieces]
