"""Times of the clock and the week, where the clocks change and where they do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.calendar import parse_quiet, quiet_until
from tracker.domain.cron import parse_schedule

ZONES = ("Europe/Istanbul", "Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe")
START = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 4 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
DAYS = ("day", "weekdays", "weekends", "monday", "friday,sunday")


def local(moment: datetime, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "after", "wanted"),
    [
        ("weekdays 09:00 Europe/Istanbul", "2026-11-27T06:00Z", "2026-11-30T06:00Z"),
        ("weekdays 09:00 Europe/Istanbul", "2026-11-27T05:59Z", "2026-11-27T06:00Z"),
        ("day 02:30 Europe/Berlin", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
        ("day 02:30 Europe/Berlin", "2026-03-29T01:00Z", "2026-03-30T00:30Z"),
        ("day 00:00 Africa/Cairo", "2026-04-23T12:00Z", "2026-04-23T22:00Z"),
        ("day 02:30 Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
        ("day 02:30 Europe/Berlin", "2026-10-25T00:30Z", "2026-10-26T01:30Z"),
        ("day 02:30 Europe/Istanbul", "2026-03-28T23:00Z", "2026-03-28T23:30Z"),
        ("1st 09:00 Europe/Istanbul", "2026-11-01T06:00Z", "2026-12-01T06:00Z"),
        ("15th,1st 09:00 UTC", "2026-11-01T09:00Z", "2026-11-15T09:00Z"),
        ("31st 09:00 UTC", "2026-01-31T09:00Z", "2026-03-31T09:00Z"),
        ("last day 18:30 UTC", "2028-02-01T00:00Z", "2028-02-29T18:30Z"),
        ("last day 00:30 Europe/Istanbul", "2026-11-01T00:00Z", "2026-11-29T21:30Z"),
        ("first monday 09:00 UTC", "2026-11-02T09:00Z", "2026-12-07T09:00Z"),
        ("second,fourth friday 09:00 UTC", "2026-11-13T09:00Z", "2026-11-27T09:00Z"),
        ("last sunday 02:30 Europe/Berlin", "2026-03-28T00:00Z", "2026-03-29T01:00Z"),
        ("15m", "2026-11-27T06:01Z", "2026-11-27T06:15Z"),
        ("1d", "2026-11-27T00:00Z", "2026-11-28T00:00Z"),
    ],
)
def test_the_next_time(text: str, after: str, wanted: str) -> None:
    """What a change of the clocks leaves out comes at the first moment after it; what it brings twice, at its first."""
    assert parse_schedule(text).after(datetime.fromisoformat(after)) == datetime.fromisoformat(wanted)


@given(st.sampled_from(ZONES), st.sampled_from(DAYS), st.times(), MOMENTS)
def test_each_day_has_one_time_and_none_is_left_out(zone: str, days: str, at: object, start: datetime) -> None:
    """Through any change of the clocks: strictly later each time, on distinct days, and never two weeks apart."""
    calendar = parse_schedule(f"{days} {at:%H:%M} {zone}")
    moment, seen = start, []
    for _ in range(10):
        following = calendar.after(moment)
        assert following
        assert moment < following <= moment + timedelta(days=8)
        seen.append(following.astimezone(ZoneInfo(zone)).date())
        moment = following
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("text", "at", "over"),
    [
        ("22:00-08:00 Europe/Istanbul", "2026-11-27T20:00Z", "2026-11-28T05:00Z"),
        ("22:00-08:00 Europe/Istanbul", "2026-11-27T18:59Z", None),
        ("22:00-08:00 Europe/Istanbul", "2026-11-28T05:00Z", None),
        ("22:00-08:00 Europe/Berlin", "2026-03-29T00:30Z", "2026-03-29T06:00Z"),
        ("22:00-08:00 Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25T07:00Z"),
        ("weekends 00:00-24:00 UTC", "2026-11-28T12:00Z", "2026-11-30T00:00Z"),
        ("weekends 00:00-24:00 UTC", "2026-11-27T12:00Z", None),
        ("friday 22:00-06:00 UTC", "2026-11-28T03:00Z", "2026-11-28T06:00Z"),
        ("friday 22:00-06:00 UTC", "2026-11-27T03:00Z", None),
        ("22:00-08:00 UTC + weekends 00:00-24:00 UTC", "2026-11-27T23:00Z", "2026-11-30T08:00Z"),
        ("22:00-08:00 UTC + weekends 00:00-24:00 UTC", "2026-11-27T21:59Z", None),
        ("weekends 00:00-24:00 UTC + 22:00-08:00 UTC", "2026-11-30T07:59Z", "2026-11-30T08:00Z"),
        ("day 08:00-12:00 UTC + day 12:00-13:00 UTC", "2026-11-30T08:00Z", "2026-11-30T13:00Z"),
    ],
)
def test_when_the_quiet_is_over(text: str, at: str, over: str | None) -> None:
    found = quiet_until(map(parse_quiet, text.split(" + ")), datetime.fromisoformat(at))
    assert found == (datetime.fromisoformat(over) if over else None)


@given(st.sampled_from(ZONES), MOMENTS)
def test_quiet_hours_end_and_are_then_over(zone: str, moment: datetime) -> None:
    quiet = parse_quiet(f"22:00-08:00 {zone}")
    over = quiet.over_at(moment)
    if over:
        assert moment < over <= moment + timedelta(hours=12)
        assert quiet.over_at(over) is None
        assert local(over, zone).endswith("08:00")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("weekday 09:00 UTC", 'did you mean "weekdays"'),
        ("day 9 UTC", 'write it as in "09:00"'),
        ("day 25:00 UTC", 'write it as in "09:00"'),
        ("day 09:00 Europe/Istambul", "Europe/Istanbul"),
        ("5s", "too often"),
        ("monthly 09:00 UTC", 'as in "1st 09:00 UTC"'),
        ("1th 09:00 UTC", 'from "1st" to "31st"'),
        ("32nd 09:00 UTC", 'from "1st" to "31st"'),
        ("frist monday 09:00 UTC", "known: first, second"),
        ("first weekdays 09:00 UTC", 'write it as in "1st"'),
        ("09:00", "is not a duration"),
        ("day 09:00", "write an interval"),
    ],
)
def test_what_is_no_time_is_told_with_the_right_form(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=r"time|day|often|duration|place") as refused:
        parse_schedule(text)
    assert hint in str(refused.value)
