"""Times of the clock and the week: when something comes round, and hours in which nobody is disturbed.

A local time that a change of the clocks leaves out comes at the first moment there is after it; one that it brings
twice comes at its first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from msgspec import Struct

from tracker.domain.duration import format_duration
from tracker.errors import did_you_mean

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY, WEEKDAYS, WEEKENDS = frozenset(range(7)), frozenset(range(5)), frozenset((5, 6))
NAMES = {"day": EVERY_DAY, "daily": EVERY_DAY, "weekdays": WEEKDAYS, "weekends": WEEKENDS} | {
    name: frozenset((place,)) for place, name in enumerate(DAYS)
}
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEARS = range(1990, 2101)
"""In which a moment that somebody names can lie."""

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


class Interval(Struct, frozen=True):
    """Every `span`, counted from 1970, so that a restart does not move it."""

    span: timedelta

    @property
    def reach(self) -> timedelta:
        """How long after it an occasion is still worth taking where none was ever taken."""
        return self.span

    def after(self, moment: datetime) -> datetime:
        """The first occasion after the moment."""
        return EPOCH + ((moment - EPOCH) // self.span + 1) * self.span

    def occasions(self, moment: datetime) -> Iterator[datetime]:
        """Those after the moment, without an end."""
        while True:
            moment = self.after(moment)
            yield moment

    def __str__(self) -> str:
        return format_duration(self.span)


LONGEST_QUIET = timedelta(days=8)
"""What lasts longer is never over, for it leaves out no time of the week."""


class Quiet(Struct, frozen=True):
    """Hours from `start` to `end`, local time, on the days on which they begin."""

    start: time
    end: time
    days: frozenset[int]
    zone: str

    def over_at(self, moment: datetime) -> datetime | None:
        """When the quiet in which the moment lies is over; None where it lies in none."""
        zone = ZoneInfo(self.zone)
        today = moment.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            begins = instant(day, self.start, zone)
            ends = instant(day + timedelta(days=self.end <= self.start), self.end, zone)
            if day.weekday() in self.days and begins <= moment < ends:
                return ends
        return None


def quiet_until(hours: Iterable[Quiet], moment: datetime) -> datetime | None:
    """When the quiet in which the moment lies is over, with what of it follows at once; None where it lies in none."""
    end, hours = moment, tuple(hours)
    while later := max((over for one in hours if (over := one.over_at(end))), default=None):
        end = later
        if end - moment > LONGEST_QUIET:
            break
    return end if end > moment else None


def instant(day: date, at: time, zone: ZoneInfo | None) -> datetime:
    """The moment of a local time, in UTC; where the clocks leave it out, the first one after it.

    No `zone`: that of this machine.
    """
    local = datetime.combine(day, at)
    while True:
        first, second = readings(local, zone)
        if first <= second:
            return first
        local += MINUTE


def readings(local: datetime, zone: ZoneInfo | None) -> tuple[datetime, datetime]:
    """When a local time is, by the clock as it was and as it is after a change; elsewhere the two are the same.

    Where a time comes twice, these are the two. Where it is left out, the change lies between them, and the
    later one is first.
    """
    return local.replace(tzinfo=zone).astimezone(UTC), local.replace(tzinfo=zone, fold=1).astimezone(UTC)


def parse_moment(text: str) -> datetime:
    """Read "2026-03-29 01:30 Europe/Istanbul", in UTC; of a time that comes twice the first. Raises ValueError.

    A time that the clocks leave out is none.
    """
    match text.split():
        case [day, at, zone]:
            there = ZoneInfo(parse_zone(zone))
            local = datetime.combine(_date(day), parse_time_of_day(at))
        case _:
            raise ValueError(f'"{text}" is no moment: write a day, a time and a zone, as in "2026-03-29 01:30 UTC"')
    first, _ = readings(local, there)
    if first.astimezone(there).replace(tzinfo=None) != local:
        raise ValueError(f'"{text}": there is no such time, because the clocks go forward over it')
    return first


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f'"{text}" is no day of the calendar: write it as in "2026-03-29"') from error
    if day.year not in YEARS:
        raise ValueError(f'"{text}" is too far away: write a year from {YEARS[0]} to {YEARS[-1]}')
    return day


def parse_quiet(text: str) -> Quiet:
    """Read "22:00-08:00 Europe/Istanbul" or "weekends 00:00-24:00 UTC"; raises ValueError."""
    match text.split():
        case [hours, zone]:
            return _quiet(EVERY_DAY, hours, zone)
        case [days, hours, zone]:
            return _quiet(parse_days(days), hours, zone)
    raise ValueError(f'"{text}" are no quiet hours: write hours and a zone, as in "22:00-08:00 Europe/Istanbul"')


def _quiet(days: frozenset[int], hours: str, zone: str) -> Quiet:
    start, _, end = hours.partition("-")
    end = "00:00" if end == "24:00" else end
    return Quiet(parse_time_of_day(start), parse_time_of_day(end), days, parse_zone(zone))


def parse_days(text: str) -> frozenset[int]:
    """Days of the week, 0 being Monday, by their names with commas between them; raises ValueError."""
    found: frozenset[int] = frozenset()
    for name in text.lower().split(","):
        if name not in NAMES:
            raise ValueError(f'"{name}" is no day{did_you_mean(name, NAMES)}; known: {", ".join(NAMES)}')
        found |= NAMES[name]
    return found


def parse_time_of_day(text: str) -> time:
    """Read "09:00"; raises ValueError."""
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(f'"{text}" is no time of day: write it as in "09:00"')
    return time(int(match[1]), int(match[2]))


def parse_zone(text: str) -> str:
    """A time zone by its name; raises ValueError with the nearest one."""
    try:
        ZoneInfo(text)
    except (LookupError, ValueError, OSError) as error:
        hint = did_you_mean(text, available_timezones()) or ': write one as in "Europe/Istanbul" or "UTC"'
        raise ValueError(f'"{text}" is no time zone{hint}') from error
    return text
