"""What is usual of one event of a provider: a month's counts in a few parts, and the newest events apart from them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from tracker.domain.drift.shape import Shape
from tracker.domain.drift.tally import Tally, total
from tracker.domain.drift.watched import Watched

PART = 5
"""Days that are counted together."""

PARTS = 6
"""So many of them, beside the one that is going on, are a month."""

MONTH = timedelta(days=PART * PARTS)
BLOCK, BLOCKS = 10, 3
"""The newest events are counted in blocks of so many; of the newest blocks, so many are what is recent."""


class Block(msgspec.Struct):
    """Some events in a row, and where they stand in the log."""

    part: int
    tally: Tally = msgspec.field(default_factory=Tally)
    positions: list[int] = []


class Usual(msgspec.Struct):
    """What is known of an event; `before` is how many events of its provider were known when it first came."""

    first_at: datetime
    last_at: datetime
    before: int = 0
    parts: dict[int, Tally] = {}
    recent: list[Block] = []

    def learn(self, shape: Shape, position: int, at: datetime, watched: Watched) -> None:
        """One more event; what was recent so far becomes part of the month."""
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)
        if not self.recent or self.recent[-1].tally.events >= BLOCK:
            self.recent.append(Block(part_of(at)))
        self.recent[-1].tally.add(shape, watched)
        self.recent[-1].positions.append(position)
        while len(self.recent) > BLOCKS:
            block = self.recent.pop(0)
            self.parts.setdefault(block.part, Tally()).merge(block.tally, watched)
            self.forget(at)

    def forget(self, now: datetime) -> None:
        """Be rid of what is older than a month."""
        self.parts = {part: tally for part, tally in self.parts.items() if part >= part_of(now) - PARTS}

    def month(self, watched: Watched) -> Tally:
        """What was usual before the recent events."""
        return total(self.parts.values(), watched)

    def lately(self, watched: Watched) -> Tally:
        """What the recent events are like."""
        return total((block.tally for block in self.recent), watched)

    @property
    def due(self) -> bool:
        """Whether it is time to compare: before more of what has changed counts as usual."""
        return bool(self.recent) and self.recent[-1].tally.events == BLOCK

    @property
    def newest(self) -> list[int]:
        """Where the recent events stand in the log."""
        return [position for block in self.recent for position in block.positions]

    @property
    def newest_since(self) -> date:
        """No recent event stands in an earlier day of the log."""
        return date.fromordinal(min(block.part for block in self.recent) * PART)

    @property
    def events(self) -> int:
        """How many are counted."""
        return sum(tally.events for tally in self.parts.values()) + sum(block.tally.events for block in self.recent)


def part_of(at: datetime) -> int:
    """The number of the part of the calendar in which a moment is."""
    return at.toordinal() // PART
