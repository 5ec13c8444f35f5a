"""Snapshots of the log: what a reader has seen; and the same as a text, from which one far away goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.store.database import Row
    from tracker.store.log.feed import Batch, Feed

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
