"""Where the clocks change, in any zone: `cron` and `every` agree with each other and with a clock that is watched.

One change of each kind is tried; with TRACKER_TEST_CLOCKS=all in the environment every one since 2005, which takes
some minutes. What many zones do at one moment is one change.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import accumulate, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from tests.unit.clock_changes import Change, changes
from tracker.domain.cron import Cron, due, parse_schedule
from tracker.settings.jobs import parse_cron

ALL = os.environ.get("TRACKER_TEST_CLOCKS") == "all"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
HOURLY = ("0 * * * *", "*/20 * * * *", "30 */2 * * *", "*/30 2 * * *", "* 0,23 * * *")


def tried() -> list[Change]:
    if ALL:
        return list({(change.moment, change.before, change.after): change for change in changes(DAY)}.values())
    return list({change.kind: change for change in changes(7 * DAY)}.values())


TRIED = tried()


class Watched:
    """A clock on the wall from a day and a half before a change until as long after it, minute by minute."""

    def __init__(self, change: Change) -> None:
        middle = change.moment.replace(second=0)
        self.zone = ZoneInfo(change.zone)
        self.moments = [middle + minute * MINUTE for minute in range(-36 * 60, 36 * 60)]
        self.shown = [moment.astimezone(self.zone).replace(tzinfo=None, fold=0) for moment in self.moments]
        self.latest = list(accumulate(self.shown, max))

    def first(self, day: date, at: time) -> datetime:
        """The first moment at which it shows that time or one after it."""
        return self.moments[bisect_left(self.latest, datetime.combine(day, at))]

    def every(self, cron: Cron) -> list[datetime]:
        """The moments at which it shows a time of the line, whose days are all days."""
        return [
            moment
            for moment, shown in zip(self.moments, self.shown, strict=True)
            if shown.hour in cron.hours and shown.minute in cron.minutes
        ]

    @property
    def days(self) -> list[date]:
        """The days of which it shows all, and one that it may leave out."""
        first, last = self.shown[0].date() + DAY, self.shown[-1].date()
        return [first + place * DAY for place in range((last - first).days)]


def times(change: Change) -> Iterator[time]:
    """Times of the day in, before and after what repeats or is left out."""
    ends = sorted((change.moment + change.before, change.moment + change.after))
    for end in (*ends, ends[0] + (ends[1] - ends[0]) / 2):
        yield from ((end + minutes * MINUTE).time().replace(second=0) for minutes in (-1, 0, 1))
    yield time(0, 0)


def watched_from(watched: Watched, schedule: Cron) -> list[datetime]:
    """The occasions of a schedule while the clock was watched, each found from the one before."""
    found, moment = [], watched.moments[0] - MINUTE
    while (following := schedule.after(moment)) and following <= watched.moments[-1]:
        found.append(following)
        moment = following
    return found


@pytest.mark.parametrize("change", TRIED, ids=str)
def test_a_time_of_the_day_comes_once_and_none_is_left_out(change: Change) -> None:
    """It comes at the first moment at which the clock shows it, or a later time."""
    watched = Watched(change)
    for at in set(times(change)):
        cron = parse_cron(f"{at.minute} {at.hour} * * *", change.zone)
        every = parse_schedule(f"day {at:%H:%M} {change.zone}")
        assert isinstance(every, Cron)
        wanted = sorted({watched.first(day, at) for day in watched.days})
        found = [moment for moment in watched_from(watched, cron) if wanted[0] <= moment <= wanted[-1]]
        assert found == wanted, at
        assert watched_from(watched, every) == watched_from(watched, cron), at
        for last, following in pairwise(wanted):
            assert due(cron, "catch_up", last, following - MINUTE) == []
            assert due(cron, "catch_up", last, following) == [following]


@pytest.mark.parametrize("change", TRIED, ids=str)
def test_what_goes_by_the_hour_comes_whenever_the_clock_shows_it(change: Change) -> None:
    watched = Watched(change)
    for line in HOURLY:
        cron = parse_cron(line, change.zone)
        if not cron.hourly:
            continue
        found = list(takewhile(watched.moments[-1].__ge__, cron.occasions(watched.moments[0] - MINUTE)))
        assert found == watched.every(cron), line
        assert cron.after(change.moment - MINUTE) == next(one for one in found if one > change.moment - MINUTE), line
