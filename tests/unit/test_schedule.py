"""Which occasions of a schedule are due, whatever the alarm did and the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.integration.told import NOON
from tracker.domain.cron import MOST, due
from tracker.settings import Job

MINUTE = timedelta(minutes=1)
TEN = Job(every=10 * MINUTE)


def minutes(moments: list[datetime]) -> list[float]:
    """After noon."""
    return [(moment - NOON) / MINUTE for moment in moments]


@pytest.mark.parametrize(
    ("missed", "last", "now", "expected"),
    [
        ("coalesce", None, 0, [0]),
        ("coalesce", None, 7, [0]),
        ("coalesce", 0, 9, []),
        ("coalesce", 0, 10, [10]),
        ("coalesce", 0, 47, [40]),
        ("catch_up", 0, 47, [10, 20, 30, 40]),
        ("skip", 0, 47, []),
        ("skip", 0, 40.5, [40]),
    ],
)
def test_an_interval_is_due_as_the_job_says_what_becomes_of_missed_times(
    missed: str, last: float | None, now: float, expected: list[float]
) -> None:
    job = Job.model_validate({"every": "10m", "missed": missed})
    taken = None if last is None else NOON + last * MINUTE
    assert minutes(due(job.schedule, job.missed, taken, NOON + now * MINUTE)) == expected


def test_what_was_missed_for_a_year_is_caught_up_with_within_a_bound() -> None:
    job = Job.model_validate({"every": "1m", "missed": "catch_up"})
    moments = due(job.schedule, job.missed, NOON - timedelta(days=365), NOON)
    assert moments == [NOON - place * MINUTE for place in reversed(range(MOST))]


@pytest.mark.parametrize("every", ["1s", "7s", "1h", "1d", "366d", "100d"])
@pytest.mark.parametrize("missed", ["coalesce", "catch_up", "skip"])
def test_the_latest_times_are_caught_up_with_however_long_ago_the_last_was_taken(every: str, missed: str) -> None:
    """Of all that were missed, as a plain walk through them finds them, so many of the latest."""
    job = Job.model_validate({"every": every, "missed": missed})
    for days in (0, 1, 30, 400, 3000):
        last = NOON - timedelta(days=days, hours=1)
        found, moment = [], max(last, NOON - timedelta(days=366))
        moment = max(moment, NOON - 200 * job.every)
        while (moment := job.schedule.after(moment) or NOON) <= NOON:
            found.append(moment)
        most = {"coalesce": found[-1:], "catch_up": found[-MOST:], "skip": found[-1:]}[missed]
        wanted = [one for one in most if missed != "skip" or NOON - one <= MINUTE]
        assert due(job.schedule, job.missed, last, NOON) == wanted


@pytest.mark.parametrize("line", ["* * * * *", "*/7 3 * * *", "0 0 1 1 *", "0 4 * * 7", "0 0 29 2 *"])
@pytest.mark.parametrize("missed", ["coalesce", "catch_up", "skip"])
def test_what_is_missed_of_a_cron_line_is_bounded_in_number_and_in_time(line: str, missed: str) -> None:
    job = Job.model_validate({"cron": line, "missed": missed, "timezone": "America/St_Johns"})
    found = due(job.schedule, job.missed, NOON - timedelta(days=3650), NOON)
    assert found == sorted(set(found))
    assert len(found) <= (MOST if missed == "catch_up" else 1)
    assert all(NOON - timedelta(days=366) < moment <= NOON for moment in found)
    if found:
        assert not [moment for moment in [job.schedule.after(found[-1])] if moment and moment <= NOON]


def test_the_night_on_which_an_hour_repeats_has_one_time_and_is_then_over() -> None:
    """Berlin, 25 October 2026: 02:30 comes at 00:30 and at 01:30 by UTC."""
    job = Job(cron="30 2 * * *", timezone="Europe/Berlin")
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    following = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert due(job.schedule, job.missed, first - timedelta(days=1), first) == [first]
    assert due(job.schedule, job.missed, first, second + timedelta(seconds=2)) == []
    assert due(job.schedule, job.missed, first, following - MINUTE) == []
    assert due(job.schedule, job.missed, first - timedelta(days=1), following + timedelta(hours=8)) == [following]
    assert due(job.schedule, "catch_up", first - timedelta(days=1), following) == [first, following]


def test_a_midnight_that_the_clocks_leave_out_does_not_take_its_day_along() -> None:
    """Cairo, 24 April 2026: after 23:59 comes 01:00."""
    job = Job(cron="0 0 * * *", timezone="Africa/Cairo")
    found = due(job.schedule, "catch_up", datetime(2026, 4, 23, 12, tzinfo=UTC), datetime(2026, 4, 25, 12, tzinfo=UTC))
    assert [f"{moment.astimezone(ZoneInfo('Africa/Cairo')):%d %H:%M}" for moment in found] == ["24 01:00", "25 00:00"]


def test_a_clock_that_jumps_back_makes_nothing_due_again() -> None:
    assert due(TEN.schedule, TEN.missed, NOON, NOON - timedelta(hours=1)) == []


def test_a_cron_line_is_of_its_zone_and_keeps_its_hour_when_the_clocks_change() -> None:
    """Berlin goes back from 03:00 to 02:00 on 25 October 2026."""
    job = Job.model_validate({"cron": "0 9 * * *", "timezone": "Europe/Berlin", "missed": "catch_up"})
    berlin = ZoneInfo("Europe/Berlin")
    start, end = datetime(2026, 10, 24, 9, tzinfo=berlin), datetime(2026, 10, 26, 10, tzinfo=berlin)
    found = due(job.schedule, job.missed, start, end)
    assert [moment.astimezone(berlin).hour for moment in found] == [9, 9]


def test_a_cron_line_that_was_never_taken_is_due_only_in_its_minute() -> None:
    job = Job(cron="0 12 * * *")
    assert due(job.schedule, job.missed, None, NOON + timedelta(seconds=30)) == [NOON]
    assert due(job.schedule, job.missed, None, NOON + 2 * MINUTE) == []
