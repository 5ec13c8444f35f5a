"""How often something may happen ("600 in 1h", "50 per hour"), and how much of a slow stream is due."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from tracker.domain.duration import format_duration, parse_duration
from tracker.domain.posts.event import State
from tracker.domain.rules.event_pattern import ACTION_DEAD, EventName, EventPattern, StateEntered, parse_event_pattern

FORMS = 'write how many times in what span, as in "600 in 1h" or "50 per hour"'
FEWEST, MOST, WHOLE = 2, 1000, 100
_NAMED = {"second": "1s", "minute": "1m", "hour": "1h", "day": "1d", "week": "1w"}
_RATE = re.compile(r"(\d{1,9}) (in|per) (\S+)", re.ASCII)
_COUNT = re.compile(r"(>=?) ?(\d{1,4}) in (\S+)", re.ASCII)
_ROW = re.compile(r"(\d{1,4}) in a row", re.ASCII)
_SHARE = re.compile(r"(>=?) ?(\d{1,3})% of (\S.*?) in ([^\s,]+)(?:, ?at least (\d{1,4}))?", re.ASCII)
A_SHARE = '"> 20% of post.publishing in 1h, at least 20"'
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


class Debounce(Struct, frozen=True):
    """Until nothing more has come for `calm`, and for `longest` in all at most (None: without an end)."""

    calm: timedelta
    longest: timedelta | None = None

    @classmethod
    def parse(cls, text: str) -> Debounce:
        """Read "10m" or "10m max 1h"; raises ValueError."""
        calm, limit, longest = text.strip().partition(" max ")
        found = cls(_span(calm), _span(longest.strip()) if limit else None)
        if found.longest and found.longest < found.calm:
            raise ValueError(f'"{text}": the longest wait in all is shorter than one, write it as in "10m max 1h"')
        return found

    def until(self, first: datetime, latest: datetime) -> datetime:
        """When what has come is taken as one: the first of it came at `first`, the last at `latest`."""
        until = latest + self.calm
        return min(until, first + self.longest) if self.longest else until

    def __str__(self) -> str:
        longest = f" max {format_duration(self.longest)}" if self.longest else ""
        return f"{format_duration(self.calm)}{longest}"


class Share(Struct, frozen=True):
    """More than `percent` (with `inclusive` also just so many) of what `of` names."""

    percent: int
    of: EventPattern
    inclusive: bool = False

    def reached(self, number: int, whole: int) -> bool:
        """Whether so many of the whole are the share."""
        return number * 100 >= whole * self.percent if self.inclusive else number * 100 > whole * self.percent

    def __str__(self) -> str:
        return f"{'>=' if self.inclusive else '>'} {self.percent}% of {self.of}"


class Count(Struct, frozen=True):
    """At least `least` occurrences within one span of `window`, or in a row, with no success between them.

    With a `share`: that share of at least `least` within the window.
    """

    least: int
    window: timedelta
    in_a_row: bool = False
    share: Share | None = None

    @classmethod
    def parse(cls, text: str) -> Count:
        """Read "> 5 in 10m", "3 in a row" or "> 20% of post.publishing in 1h, at least 20"; raises ValueError."""
        match, row = _COUNT.fullmatch(text.strip()), _ROW.fullmatch(text.strip())
        if share := _SHARE.fullmatch(text.strip()):
            return cls._of_share(text, share)
        if row:
            least = int(row[1])
        elif match:
            least = int(match[2]) + (match[1] == ">")
        else:
            raise ValueError(f'"{text}" is not a count: write it as in "> 5 in 10m", "3 in a row" or {A_SHARE}')
        cls._check_least(text, least)
        return cls(least, _span(match[3])) if match else cls(least, LONGEST_ROW, in_a_row=True)

    @classmethod
    def _of_share(cls, text: str, match: re.Match[str]) -> Count:
        of, percent = parse_event_pattern(match[3]), int(match[2])
        if isinstance(of, EventName) and (of.is_glob or of.pattern == ACTION_DEAD):
            raise ValueError(f'"{of}": a share is of one state or event, as in {A_SHARE}')
        if not 0 < percent <= WHOLE:
            raise ValueError(f'"{text}": a share is of 1% to {WHOLE}%')
        if match[5] is None:
            raise ValueError(f'"{text}": of few, each is a large share: say of how many at least, as in {A_SHARE}')
        cls._check_least(text, int(match[5]))
        return cls(int(match[5]), _span(match[4]), share=Share(percent, of, match[1] == ">="))

    @staticmethod
    def _check_least(text: str, least: int) -> None:
        if not FEWEST <= least <= MOST:
            raise ValueError(f'"{text}" counts to {least}; a count is of {FEWEST} to {MOST} occurrences')

    @property
    def beside(self) -> tuple[EventPattern, ...]:
        """What is kept in mind beside what is counted: what ends a row, or of what it is a share."""
        return (self.share.of,) if self.share else (StateEntered(State.PUBLISHED),) if self.in_a_row else ()

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
        if self.share:
            return f"{self.share} in {format_duration(self.window)}, at least {self.least}"
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
