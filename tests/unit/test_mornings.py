"""Until tomorrow, until Monday: nine in the morning where whoever asks is, whatever the clocks do in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.calendar import DAYS
from tracker.errors import BadParameter
from tracker.parameters import parse_future_time, parse_zone_of

ISTANBUL, BERLIN, AUCKLAND = (ZoneInfo(name) for name in ("Europe/Istanbul", "Europe/Berlin", "Pacific/Auckland"))
TUESDAY = datetime(2026, 12, 1, 21, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "zone", "until"),
    [
        ("tomorrow", ISTANBUL, "2026-12-03T06:00"),  # it is Wednesday there by now
        ("tomorrow", ZoneInfo("UTC"), "2026-12-02T09:00"),
        ("Monday", BERLIN, "2026-12-07T08:00"),
        ("tuesday", BERLIN, "2026-12-08T08:00"),
        ("wednesday", ISTANBUL, "2026-12-09T06:00"),
        ("2026-12-03T17:45", ISTANBUL, "2026-12-03T14:45"),
        ("1h", ISTANBUL, "2026-12-01T22:30"),
    ],
)
def test_a_morning_is_that_of_whoever_asks(word: str, zone: ZoneInfo, until: str) -> None:
    assert parse_future_time("until", word, TUESDAY, zone) == datetime.fromisoformat(f"{until}Z")


@given(
    st.integers(0, 15 * 366 * 24 * 60).map(lambda minutes: TUESDAY + timedelta(minutes=minutes)),
    st.sampled_from((ISTANBUL, BERLIN, AUCKLAND)),
    st.sampled_from(("tomorrow", *DAYS)),
)
def test_it_lies_ahead_within_a_week_at_nine(now: datetime, zone: ZoneInfo, word: str) -> None:
    until = parse_future_time("until", word, now, zone)
    assert now < until <= now + timedelta(days=8)
    there = until.astimezone(zone)
    assert (there.hour, there.minute) == (9, 0)
    assert word == "tomorrow" or there.weekday() == DAYS.index(word)


def test_a_zone_with_a_slip_is_told_and_a_time_without_one_is_none_in_the_api() -> None:
    with pytest.raises(BadParameter, match="Europe/Istanbul"):
        parse_zone_of("zone", "Europe/Istambul")
    with pytest.raises(BadParameter, match="tomorrow"):
        parse_future_time("until", "2026-12-03T17:45", TUESDAY)
