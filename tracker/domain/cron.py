"""Times of the clock that come round: their moments through every change of the clocks, and which of them are due.

A line that names its minutes and hours comes once a night where an hour repeats, at its first, and at the first moment
there is where its time is left out. One whose minutes or hours begin with a star goes by every hour that passes: in a
repeated hour it comes twice, in one that is left out never. So does Debian's cron.
"""

from __future__ import annotations

from calendar import monthrange
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from tracker.domain.calendar import (
    DAYS,
    MINUTE,
    NAMES,
    Interval,
    instant,
    parse_days,
    parse_time_of_day,
    parse_zone,
    readings,
)
from tracker.domain.duration import format_duration, parse_duration

LAST_DAY, LAST_WORKDAY = -1, -2
"""What `days` may hold beside numbers."""

ANY, LAST = 0, -1
"""Which of the month's days of that name a weekday means, where it is not a number from 1 to 5."""

FARTHEST = 50 * 12
"""Months that are looked through; a 29 February that is the fifth Monday is 40 years off at most."""

REPEATED = timedelta(hours=26)
"""No clock goes back by more, to the hour."""


class Cron(Struct, frozen=True):
    """`weekdays` are (0 for Sunday, which of them); a day fits both its number and its name, or `either`.

    `hourly`: minutes or hours begin with a star. `line` is how people write it, without the zone.
    """

    line: str
    zone: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[tuple[int, int]]
    either: bool
    hourly: bool

    @property
    def reach(self) -> timedelta:
        """How long after it an occasion is still worth taking where none was ever taken."""
        return MINUTE

    def after(self, moment: datetime) -> datetime | None:
        """The first occasion after the moment, in UTC; None: it never comes."""
        return next(self.occasions(moment), None)

    def occasions(self, moment: datetime) -> Iterator[datetime]:
        """Those after the moment, in UTC and each later than the one before.

        An hour of the clock may lie partly before the one that it follows, where the clocks go back around midnight:
        what was found is held until nothing earlier can come.
        """
        zone = ZoneInfo(self.zone)
        held: list[datetime] = []
        earliest = moment.astimezone(zone).replace(tzinfo=None) - REPEATED
        for hour in self._hours(earliest.date()):
            if hour < earliest or max(readings(hour.replace(minute=59), zone)) <= moment:
                continue
            begins = min(readings(hour, zone))
            ready = [occasion for occasion in held if occasion < begins]
            yield from ready
            found = (occasion for occasion in self._within(hour, zone) if occasion > moment)
            held = sorted({*held[len(ready) :], *found})
        yield from held

    def _hours(self, first: date) -> Iterator[datetime]:
        """The hours of its days, by the clock on the wall."""
        for month in range(FARTHEST):
            year, place = divmod(first.year * 12 + first.month - 1 + month, 12)
            if place + 1 in self.months:
                for number in range(1, monthrange(year, place + 1)[1] + 1):
                    day = date(year, place + 1, number)
                    if day >= first and self._fits(day):
                        yield from (datetime.combine(day, time(hour)) for hour in self.hours)

    def _fits(self, day: date) -> bool:
        length = monthrange(day.year, day.month)[1]
        numbers, name = {day.day}, day.isoweekday() % 7
        names = {(name, ANY), (name, (day.day + 6) // 7)}
        if day.day == length:
            numbers.add(LAST_DAY)
        if day.day == _last_workday(day.year, day.month):
            numbers.add(LAST_WORKDAY)
        if day.day + 7 > length:
            names.add((name, LAST))
        by_number, by_name = not numbers.isdisjoint(self.days), not names.isdisjoint(self.weekdays)
        return by_number or by_name if self.either else by_number and by_name

    def _within(self, hour: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        for minute in self.minutes:
            local = hour.replace(minute=minute)
            if self.hourly:
                yield from _as_often_as_it_comes(local, zone)
            else:
                yield instant(local.date(), local.time(), zone)

    def __str__(self) -> str:
        return f"{self.line} {self.zone}"


def _as_often_as_it_comes(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The moments at which the clock shows that time: one, two where it repeats, none where it is left out."""
    first, second = readings(local, zone)
    return (first,) if first == second else (first, second) if first < second else ()


def _last_workday(year: int, month: int) -> int:
    first, length = monthrange(year, month)
    return length - max(0, (first + length - 1) % 7 - 4)


Schedule = Interval | Cron

NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": LAST}
_ENDINGS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
ORDINALS = {f"{number}{_ENDINGS.get(number, 'th')}": number for number in range(1, 32)}
_ALL_DAYS, _ALL_MONTHS = frozenset(range(1, 32)), frozenset(range(1, 13))
_ALL_WEEKDAYS = frozenset((day, ANY) for day in range(7))
_PLACES = f"place in a month; known: {', '.join(NTH)}"
_DATES = 'day of the month: write one from "1st" to "31st"'
SHORTEST = timedelta(seconds=10)
FORMS = (
    'an interval ("15m"), days, a time and a zone ("weekdays 09:00 Europe/Istanbul"), days of the month ("1st 09:00'
    ' UTC", "last day 09:00 UTC", "first monday 09:00 UTC"), or a cron line and a zone ("0 9 * * 1-5 UTC")'
)


def parse_schedule(text: str) -> Schedule:
    """Read an interval, or days of the week or the month with a time and a zone (FORMS); raises ValueError."""
    match text.split():
        case [interval]:
            span = parse_duration(interval)
            if span < SHORTEST:
                raise ValueError(f'"{text}" is too often: the shortest interval is {format_duration(SHORTEST)}')
            return Interval(span)
        case [dates, at, zone] if dates[0].isdigit():
            numbers = {_known(name, ORDINALS, _DATES) for name in dates.split(",")}
            written = ",".join(name for name, number in ORDINALS.items() if number in numbers)
            return _daily(written, at, zone, days=frozenset(numbers))
        case ["weekly" | "monthly" as often, at, zone]:
            day = "monday" if often == "weekly" else "1st"
            raise ValueError(f'"{often}" names no day: write one, as in "{day} {at} {zone}"')
        case [names, at, zone]:
            days = parse_days(names)
            written = next((name for name, known in NAMES.items() if known == days), _named(days))
            return _daily(written, at, zone, weekdays=_weekdays(days, {ANY}))
        case ["last", "day", at, zone]:
            return _daily("last day", at, zone, days=frozenset({LAST_DAY}))
        case [which, names, at, zone]:
            places, days = {_known(name, NTH, _PLACES) for name in which.split(",")}, parse_days(names)
            if not set(names.lower().split(",")).issubset(DAYS):
                raise ValueError(f'"{which} {names}" is no day: write it as in "1st", "first monday" or "last day"')
            written = ",".join(name for name, place in NTH.items() if place in places)
            return _daily(f"{written} {_named(days)}", at, zone, weekdays=_weekdays(days, places))
    raise ValueError(f'"{text}" is no time: write {FORMS}')


def _daily(
    written: str,
    at: str,
    zone: str,
    *,
    days: frozenset[int] = _ALL_DAYS,
    weekdays: frozenset[tuple[int, int]] = _ALL_WEEKDAYS,
) -> Cron:
    """At one time of the days that fit."""
    time_of_day = parse_time_of_day(at)
    return Cron(
        f"{written} {time_of_day:%H:%M}", parse_zone(zone), (time_of_day.minute,), (time_of_day.hour,), days,
        _ALL_MONTHS, weekdays, either=False, hourly=False,
    )  # fmt: skip


def _weekdays(days: Iterable[int], places: Iterable[int]) -> frozenset[tuple[int, int]]:
    """As a Cron has them, where Sunday comes first."""
    return frozenset(((day + 1) % 7, place) for day in days for place in places)


def _named(days: Iterable[int]) -> str:
    return ",".join(DAYS[day] for day in sorted(days))


def _known(name: str, among: Mapping[str, int], what: str) -> int:
    if name not in among:
        raise ValueError(f'"{name}" is no {what}')
    return among[name]


Missed = Literal["coalesce", "catch_up", "skip"]

MOST = 100
"""So many occasions are caught up with, the latest ones."""

LOOKED_BACK = (*(timedelta(days=days) for days in (1 / 24, 1, 7, 35)), timedelta(days=366))
"""How far back they are looked for, further only where too few were found; what is older is let go."""

LATE = timedelta(minutes=1)
"""An occasion that is older was missed."""


def due(schedule: Schedule, missed: Missed, last: datetime | None, now: datetime) -> list[datetime]:
    """The occasions to take now, the earliest first; `last` is the latest that was taken."""
    since = last or now - schedule.reach
    if missed == "catch_up":
        return latest(schedule, since, now, MOST)
    found = latest(schedule, since, now, 1)
    return [moment for moment in found if now - moment <= LATE] if missed == "skip" else found


def latest(schedule: Schedule, since: datetime, until: datetime, most: int) -> list[datetime]:
    """The latest occasions after `since` and not after `until`, at most so many of them."""
    since = max(since, until - LOOKED_BACK[-1])
    found: deque[datetime] = deque(maxlen=most)
    for span in LOOKED_BACK:
        begin = max(since, until - span)
        found.clear()
        found.extend(takewhile(lambda moment: moment <= until, schedule.occasions(begin)))
        if len(found) == most or begin == since:
            break
    return list(found)
