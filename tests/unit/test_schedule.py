"""Which occasions of a schedule are due, whatever the alarm did and the clock does."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.integration.told import NOON
from tracker.scheduler import due, trigger_of
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
    assert minutes(due(trigger_of(job), job, taken, NOON + now * MINUTE)) == expected


def test_what_was_missed_for_a_year_is_caught_up_with_within_a_bound() -> None:
    job = Job.model_validate({"every": "1m", "missed": "catch_up"})
    moments = due(trigger_of(job), job, NOON - timedelta(days=365), NOON)
    assert len(moments) == 100
    assert moments[-1] == NOON


def test_a_clock_that_jumps_back_makes_nothing_due_again() -> None:
    assert due(trigger_of(TEN), TEN, NOON, NOON - timedelta(hours=1)) == []


def test_a_cron_line_is_of_its_zone_and_keeps_its_hour_when_the_clocks_change() -> None:
    """Berlin goes back from 03:00 to 02:00 on 25 October 2026."""
    job = Job.model_validate({"cron": "0 9 * * *", "timezone": "Europe/Berlin", "missed": "catch_up"})
    berlin = ZoneInfo("Europe/Berlin")
    start, end = datetime(2026, 10, 24, 9, tzinfo=berlin), datetime(2026, 10, 26, 10, tzinfo=berlin)
    found = due(trigger_of(job), job, start, end)
    assert [moment.astimezone(berlin).hour for moment in found] == [9, 9]


def test_a_cron_line_that_was_never_taken_is_due_only_in_its_minute() -> None:
    job = Job(cron="0 12 * * *")
    assert due(trigger_of(job), job, None, NOON + timedelta(seconds=30)) == [NOON]
    assert due(trigger_of(job), job, None, NOON + 2 * MINUTE) == []
