"""How often something may happen ("600 in 1h", "50 per hour"), and how much of a slow stream is due."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from tracker.domain.duration import format_duration, parse_duration

FORMS = 'write how many times in what span, as in "600 in 1h" or "50 per hour"'
FEWEST, MOST = 2, 1000
_NAMED = {"second": "1s", "minute": "1m", "hour": "1h", "day": "1d", "week": "1w"}
_RATE = re.compile(r"(\d{1,9}) (in|per) (\S+)", re.ASCII)
_COUNT = re.compile(r"(>=?) ?(\d{1,4}) in (\S+)", re.ASCII)
_ROW = re.compile(r"(\d{1,4}) in a row", re.ASCII)
LONGEST_ROW = timedelta(days=30)
"""What happened longer ago is part of no row any more."""


class Rate(Struct, frozen=True):
    """At most `times` in any span of `per`."""

    times: int
    per: timedelta

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Raises ValueError, whose text tells the accepted forms."""
        match = _RATE.fullmatch(text.strip())
        if not match or int(match[1]) < 1:
            raise ValueError(f'"{text}" is not a rate: {FORMS}')
        return cls(int(match[1]), _span(_NAMED.get(match[3], match[3])))

    def __str__(self) -> str:
        return f"{self.times} in {format_duration(self.per)}"


class Count(Struct, frozen=True):
    """At least `least` occurrences within one span of `window`, or in a row, with no success between them."""

    least: int
    window: timedelta
    in_a_row: bool = False

    @classmethod
    def parse(cls, text: str) -> Count:
        """Read "> 5 in 10m", ">= 6 in 10m" or "3 in a row"; raises ValueError."""
        match, row = _COUNT.fullmatch(text.strip()), _ROW.fullmatch(text.strip())
        if row:
            least = int(row[1])
        elif match:
            least = int(match[2]) + (match[1] == ">")
        else:
            raise ValueError(f'"{text}" is not a count: write it as in "> 5 in 10m", ">= 6 in 10m" or "3 in a row"')
        if not FEWEST <= least <= MOST:
            raise ValueError(f'"{text}" counts to {least}; a count is of {FEWEST} to {MOST} occurrences')
        return cls(least, _span(match[3])) if match else cls(least, LONGEST_ROW, in_a_row=True)

    def reached(self, times: Iterable[datetime], latest: datetime) -> int:
        """The most occurrences, `latest` among them, that one span of `window` holds; in any order of arrival."""
        moments = sorted([*times, latest])
        spans = (
            [one for one in moments if start <= one <= start + self.window]
            for start in moments
            if start <= latest <= start + self.window
        )
        return max(map(len, spans))

    def __str__(self) -> str:
        return f"{self.least} in a row" if self.in_a_row else f">= {self.least} in {format_duration(self.window)}"


def _span(text: str) -> timedelta:
    span = parse_duration(text)
    if span <= timedelta(0):
        raise ValueError(f'"{text}": the span must be longer than nothing')
    return span


BURST = timedelta(seconds=1)
"""What was not taken in time is made up for no further back than this."""


class Pace(Struct, frozen=True):
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
