"""Snapshots of the log: which transactions a reader has seen, and how far a batch has brought it."""

from __future__ import annotations

from dataclasses import dataclass

EVERYTHING = 2**63 - 1

Raw = tuple[int, int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place in the log: what `epoch` holds is seen where the transaction had ended in (xmin, xmax, running)."""

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
        """As asyncpg takes a pg_snapshot."""
        return (self.xmin, self.xmax, self.running)

    @property
    def order(self) -> tuple[int, int, int]:
        """Which of two places came first: with the same xmax, the one that had more transactions running."""
        return (self.epoch, self.xmax, -len(self.running))

    def sees(self, xid: int) -> bool:
        """Whether the transaction had ended here."""
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
    """Before the first transaction of an epoch."""
    return Checkpoint(epoch)


def whole(epoch: int) -> Checkpoint:
    """After the last transaction of an epoch that is over."""
    return Checkpoint(epoch, EVERYTHING, EVERYTHING)
