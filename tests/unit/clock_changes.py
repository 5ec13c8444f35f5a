"""Every change of the clocks that the tz database knows, found by asking each zone for its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

SINCE, UNTIL = datetime(2005, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Change:
    """At `moment` the zone's clocks go from one distance to UTC to another."""

    zone: str
    moment: datetime
    before: timedelta
    after: timedelta

    @property
    def kind(self) -> tuple[object, ...]:
        """What is alike about changes of many zones and years: the clock's time then, by how much, and the minutes."""
        return (self.moment + self.before).time(), self.after - self.before, self.before % timedelta(hours=1)

    def __str__(self) -> str:
        return f"{self.zone} {self.moment:%Y-%m-%dT%H:%MZ} {(self.after - self.before) / timedelta(minutes=1):+.0f}m"


def changes(step: timedelta) -> Iterator[Change]:
    """Those of all zones; of two within one step that cancel each other nothing is seen."""
    marks = [SINCE + place * step for place in range((UNTIL - SINCE) // step + 1)]
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for (start, before), (end, after) in pairwise((mark, _offset(zone, mark)) for mark in marks):
            if before != after:
                yield Change(name, _moment(zone, start, end), before, after)


def _moment(zone: ZoneInfo, start: datetime, end: datetime) -> datetime:
    before = _offset(zone, start)
    while end - start > SECOND:
        middle = start + (end - start) // SECOND // 2 * SECOND
        start, end = (middle, end) if _offset(zone, middle) == before else (start, middle)
    return end


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
