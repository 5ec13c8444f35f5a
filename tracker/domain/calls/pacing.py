"""Pacing: how much of a slow stream is due, so that neither a late start nor a long pause ends in a burst."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tracker.domain.rate import Rate

BURST = timedelta(seconds=1)
"""What was not taken in time is made up for no further back than this."""


@dataclass(frozen=True, slots=True)
class Pace:
    """So many at an even distance; `most` at once."""

    rate: Rate
    most: int = 100

    @property
    def gap(self) -> timedelta:
        """From one to the next."""
        return self.rate.per / self.rate.times

    def due(self, next_at: datetime, now: datetime) -> tuple[int, datetime]:
        """How many are due now, when the next one was due at `next_at`, and when the one after these is."""
        if now < next_at:
            return 0, next_at
        start = max(next_at, now - BURST)
        count = min(1 + int((now - start) / self.gap), self.most)
        return count, start + count * self.gap
