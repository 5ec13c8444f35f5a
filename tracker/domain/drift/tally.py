"""In how many events each path, type and word stood: shapes added up, to the same in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tracker.domain.drift.shape import MOST_PATHS, NULL, Shape, order
from tracker.domain.drift.watched import Watched

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
