"""Reading on: what a new snapshot sees in the log and a checkpoint does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.store.checkpoints.snapshot import Checkpoint, beginning, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row


def _not_sealed(seen: int) -> str:
    """Of days that were not sealed yet at the checkpoint, which is the parameter of that number in epoch $1."""
    return (
        "and day >= coalesce((select min(day) from log_days where sealed_by is null or sealed_in > $1"
        f" or (sealed_in = $1 and not pg_visible_in_snapshot(sealed_by, ${seen}))), 'epoch'::date)"
    )


class Feed:
    """The queries by which the log is read in the order (xid, `key`), each on the index made for it."""

    key = "position"

    def __init__(self, columns: str, only: str = "true") -> None:
        self.columns, self.only = columns, only
        self.stragglers = self.seen_by("$3", "xid = any($4::xid8[])", 5)
        self.fresh = self.seen_by("$3", "xid >= $4 and xid < $5", 7) + " limit $6"

    def seen_by(self, target: str, xids: str, seen: int) -> str:
        """The query of what the snapshot `target` sees of these transactions; `seen` is the checkpoint's parameter."""
        return (
            f"select xid, {self.columns} from events"
            f" where epoch = $1 and bucket = any($2::smallint[]) and pg_visible_in_snapshot(xid, {target})"
            f" and {self.only} and {xids} {_not_sealed(seen)} order by xid, {self.key}"
        )


EVENTS = Feed("position, day, bucket, source, provider, kind, post, part, occurred_at, received_at, body_hash, body")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows in the order (xid, key), and the checkpoint of a reader that has handled them."""

    rows: list[Row]
    reached: Checkpoint


EPOCH_AFTER = "select min(epoch) from log_epochs where epoch > $1"

HEAD = "select (select max(epoch) from log_epochs) as epoch, pg_current_snapshot() as snapshot"


async def head(conn: Connection) -> Checkpoint:
    """The checkpoint of a reader that has seen everything committed by now."""
    row = await conn.fetchrow(HEAD)
    return Checkpoint.of(row["epoch"], row["snapshot"])


async def all_of(conn: Connection, feed: Feed, seen: Checkpoint, xid: int, buckets: Sequence[int]) -> list[Row]:
    """The rows that a transaction wrote which `seen` does not hold."""
    values = (seen.epoch, list(buckets), whole(seen.epoch).raw, [xid], seen.raw)
    rows: list[Row] = await conn.fetch(feed.stragglers, *values)
    return rows


async def read_after(
    conn: Connection, feed: Feed, seen: Checkpoint, upto: Checkpoint, buckets: Sequence[int], limit: int
) -> Batch:
    """The next rows after `seen` that `upto` sees: about `limit` of them, but never a part of a transaction."""
    target = upto if seen.epoch == upto.epoch else whole(seen.epoch)
    common = (seen.epoch, list(buckets), target.raw)
    ended = [xid for xid in seen.running if target.sees(xid)]
    rows = list(await conn.fetch(feed.stragglers, *common, ended, seen.raw)) if ended else []
    fresh = await conn.fetch(feed.fresh, *common, seen.xmax, target.xmax, limit, seen.raw)
    if len(fresh) < limit and target is not upto:
        return Batch(rows + fresh, beginning(await _epoch_after(conn, seen.epoch)))
    return await without_a_part(conn, feed, seen, target, buckets, limit, rows + fresh)


async def without_a_part(
    conn: Connection, feed: Feed, seen: Checkpoint, target: Checkpoint, buckets: Sequence[int], limit: int,
    rows: Sequence[Row],
) -> Batch:  # fmt: skip
    """A batch of the rows after `seen`, of which the fresh ones were read up to the limit: no transaction in part."""
    fresh = [row for row in rows if row["xid"] >= seen.xmax]
    if len(fresh) < limit:
        return Batch([*rows], target)
    last = fresh[-1]["xid"]
    if fresh[0]["xid"] < last:
        return Batch([row for row in rows if row["xid"] < last], target.cut_after(last - 1))
    values = (seen.epoch, list(buckets), target.raw, last, last + 1, None, seen.raw)
    stragglers = [row for row in rows if row["xid"] < last]
    return Batch([*stragglers, *await conn.fetch(feed.fresh, *values)], target.cut_after(last))


async def _epoch_after(conn: Connection, epoch: int) -> int:
    following: int = await conn.fetchval(EPOCH_AFTER, epoch)
    return following
