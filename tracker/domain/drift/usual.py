"""What is usual of one event of a provider: shapes added up, a month's in a few parts, and the newest events' apart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import msgspec

from tracker.domain.drift.shape import MOST_PATHS, NULL, Shape, Watched, order

MOST_WORDS = 30
"""At a place with more, there stand no statuses."""

STANDS = ""
"""Counts the events in which anything but null stands at a path, beside those of each type."""

Counts = dict[str, int]


class Tally(msgspec.Struct):
    """Counts of events: in all, by path and type, and by path and word.

    It is bounded by leaving out what sorts last. What is left has been counted from the first event on, so the order
    in which events come makes no difference.
    """

    events: int = 0
    paths: dict[str, Counts] = {}
    words: dict[str, Counts] = {}

    def add(self, shape: Shape, watched: Watched) -> None:
        """Count one more event."""
        self.events += 1
        for path, types in shape.types.items():
            counts = self.paths.setdefault(path, {})
            for kind in (*types, STANDS) if types != {NULL} else types:
                counts[kind] = counts.get(kind, 0) + 1
        for path, words in shape.words.items():
            counts = self.words.setdefault(path, {})
            for word in words:
                counts[word] = counts.get(word, 0) + 1
        self._bound(watched)

    def merge(self, other: Tally, watched: Watched) -> None:
        """Count all of the other's events, too."""
        self.events += other.events
        for mine, theirs in ((self.paths, other.paths), (self.words, other.words)):
            for path, counts in theirs.items():
                known = mine.setdefault(path, {})
                for what, number in counts.items():
                    known[what] = known.get(what, 0) + number
        self._bound(watched)

    def share(self, path: str, kind: str = STANDS) -> float:
        """In which part of the events something stands there, or something of that type; 0 of none."""
        return self.paths.get(path, {}).get(kind, 0) / self.events if self.events else 0.0

    def words_at(self, path: str) -> Counts:
        """How often each status stood there; nothing for a place with so many words that they are no statuses."""
        found = self.words.get(path, {})
        return found if len(found) <= MOST_WORDS else {}

    def _bound(self, watched: Watched) -> None:
        if len(self.paths) > MOST_PATHS:
            for path in sorted(self.paths, key=lambda path: order(path, watched))[MOST_PATHS:]:
                del self.paths[path]
        for counts in self.words.values():
            if len(counts) > MOST_WORDS + 1:
                for word in sorted(counts)[MOST_WORDS + 1 :]:
                    del counts[word]


def total(tallies: Iterable[Tally], watched: Watched) -> Tally:
    """All of them together."""
    whole = Tally()
    for tally in tallies:
        whole.merge(tally, watched)
    return whole


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
