"""Reading the log on: what a reader has seen, as a snapshot and as a text, and what a newer snapshot sees beyond it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracker.store.database import Connection, Row


EVERYTHING = 2**63 - 1

Raw = tuple[int, int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the log was read: in `epoch`, all transactions that had ended in the snapshot (xmin, xmax, running)."""

    epoch: int
    xmax: int = 1
    xmin: int = 1
    running: tuple[int, ...] = ()

    @classmethod
    def of(cls, epoch: int, snapshot: Raw) -> Checkpoint:
        """From the way asyncpg gives a pg_snapshot: (xmin, xmax, xip)."""
        xmin, xmax, running = snapshot
        return cls(epoch, xmax, xmin, tuple(running))

    @property
    def raw(self) -> Raw:
        """The snapshot as asyncpg takes a pg_snapshot: (xmin, xmax, xip)."""
        return (self.xmin, self.xmax, self.running)

    @property
    def order(self) -> tuple[int, int, int]:
        """Which of two places came first: with the same xmax, the one that had more transactions running."""
        return (self.epoch, self.xmax, -len(self.running))

    def sees(self, xid: int) -> bool:
        """Whether the transaction had ended at this checkpoint."""
        return xid < self.xmax and xid not in self.running

    def holds(self, other: Checkpoint) -> bool:
        """Whether everything that `other` has seen is seen here, too."""
        if self.epoch != other.epoch:
            return self.epoch > other.epoch
        return other.xmax <= self.xmax and not any(other.sees(xid) for xid in self.running)

    def cut_after(self, xid: int) -> Checkpoint:
        """The place that has seen of this one only the transactions up to `xid`."""
        if xid + 1 >= self.xmax:
            return self
        running = tuple(sorted(other for other in self.running if other <= xid))
        return Checkpoint(self.epoch, xid + 1, min((*running, xid + 1)), running)


def beginning(epoch: int) -> Checkpoint:
    """The checkpoint before the first transaction of an epoch."""
    return Checkpoint(epoch)


def whole(epoch: int) -> Checkpoint:
    """The checkpoint after the last transaction of an epoch that is over."""
    return Checkpoint(epoch, EVERYTHING, EVERYTHING)


LONGEST = 8192
"""Transactions under way are named one by one; no server runs so many that their names are longer."""

_FORM = re.compile(r"(\d{1,9})\.(\d{1,19})\.((?:\d{1,19}(?:-\d{1,19})*)?)(?:\.(\d{1,19})\.(\d{1,19}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """All that `seen` holds, and the rows of transaction `xid` (the next that it does not hold) up to `key`.

    What is left of that transaction must be read before anything else, so that one such row is always enough.
    """

    seen: Checkpoint
    xid: int = 0
    key: int = 0

    @classmethod
    def parse(cls, text: str) -> ResumeToken:
        """The token that `str` wrote; raises Rejected."""
        match = _FORM.fullmatch(text) if len(text) <= LONGEST else None
        if match is None:
            raise Rejected("place", "this is not a place that the stream has given out")
        epoch, xmax, xid, key = (int(match[group] or 0) for group in (1, 2, 4, 5))
        running = tuple(sorted(xmax - int(back) for back in match[3].split("-") if back))
        if not (epoch and 0 < xmax <= EVERYTHING and xid < EVERYTHING and key <= EVERYTHING):
            raise Rejected("place", "this is not a place that the stream has given out")
        if (running and not 0 < running[0] <= running[-1] < xmax) or xid not in {0, xmax, *running}:
            raise Rejected("place", "this is not a place that the stream has given out")
        return cls(Checkpoint(epoch, xmax, min((*running, xmax)), running), xid, key)

    @property
    def beyond(self) -> Checkpoint:
        """What was seen once all of the transaction has been read, too."""
        running = tuple(other for other in self.seen.running if other != self.xid)
        xmax = self.seen.xmax + (self.xid == self.seen.xmax)
        return Checkpoint(self.seen.epoch, xmax, min((*running, xmax)), running)

    def __str__(self) -> str:
        running = "-".join(str(self.seen.xmax - xid) for xid in self.seen.running)
        row = f".{self.xid}.{self.key}" if self.xid else ""
        return f"{self.seen.epoch}.{self.seen.xmax}.{running}{row}"


def resume_tokens(feed: Feed, seen: Checkpoint, batch: Batch) -> Iterator[tuple[Row, ResumeToken]]:
    """Each row of a batch that was read after `seen`, and the place right behind it."""
    reached = batch.reached if batch.reached.epoch == seen.epoch else whole(seen.epoch)
    before, xid = seen, 0
    for row in batch.rows:
        if row["xid"] != xid:
            before, xid = _before(row["xid"], before, reached, seen.xmax), row["xid"]
        yield row, ResumeToken(before, xid, row[feed.key])


def _before(xid: int, before: Checkpoint, reached: Checkpoint, fresh: int) -> Checkpoint:
    """What a reader has seen when it comes to the first row of a transaction."""
    if xid >= fresh:
        return reached.cut_after(xid - 1)
    running = tuple(other for other in before.running if other >= xid or not reached.sees(other))
    return Checkpoint(before.epoch, before.xmax, min((*running, before.xmax)), running)


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
