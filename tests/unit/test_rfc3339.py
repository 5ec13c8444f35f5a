"""Times of RFC 3339: each line of the suite that JSON Schema's validators are held to, and what lies beyond it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.rfc3339 import read_moment, read_rfc3339
from tracker.errors import BadParameter
from tracker.parameters import parse_time

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RIGHT = {
    "1963-06-19T08:30:06.283185Z": "1963-06-19T08:30:06.283185+00:00",
    "1963-06-19T08:30:06Z": "1963-06-19T08:30:06+00:00",
    "1937-01-01T12:00:27.87+00:20": "1937-01-01T11:40:27.870000+00:00",
    "1990-12-31T15:59:50.123-08:00": "1990-12-31T23:59:50.123000+00:00",
    "1998-12-31T23:59:60Z": "1999-01-01T00:00:00+00:00",
    "1998-12-31T15:59:60.123-08:00": "1999-01-01T00:00:00+00:00",
    "1963-06-19t08:30:06.283185z": "1963-06-19T08:30:06.283185+00:00",
    "1985-04-12T00:59:59.999999999999999Z": "1985-04-12T00:59:59.999999+00:00",
    "2026-11-30T00:00:00+23:59": "2026-11-29T00:01:00+00:00",
    "2026-11-30T00:00:00-00:00": "2026-11-30T00:00:00+00:00",
}
WRONG = [
    "1998-12-31T23:59:61Z", "1998-12-31T23:58:60Z", "1998-12-31T22:59:60Z", "1990-02-31T15:59:59.123-08:00",
    "1990-12-31T15:59:59-24:00", "1963-06-19T08:30:06.28123+01:00Z", "1990-12-31T15:60:00Z",
    "1990-12-31T10:00:00+10:60", "06/19/1963 08:30:06 PST", "2013-350T01:01:01", "1963-6-19T08:30:06.283185Z",
    "1963-06-1T08:30:06.283185Z", "1963-06-1৪T00:00:00Z", "1963-06-11T0৪:00:00Z", "+11963-06-19T08:30:06.283185Z",
    "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00Z", "",
]  # fmt: skip


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_read(text: str) -> None:
    assert read_rfc3339(text).isoformat() == read_moment(text).isoformat() == RIGHT[text]
    assert parse_time("since", text, NOW).isoformat() == RIGHT[text]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_refused(text: str) -> None:
    for read in (read_rfc3339, read_moment):
        with pytest.raises(ValueError, match=r"."):
            read(text)
    with pytest.raises(BadParameter):
        parse_time("since", text, NOW)


def test_other_forms_of_iso_8601_that_name_a_zone_are_moments_too() -> None:
    for text in ("20261120T120000Z", "2026-11-20T12:00+00", "2026-11-20 12:00:00Z", "2026-11-20t13:00:00+0100"):
        assert read_moment(text) == NOW


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1 < at.year < 9999),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from(["T", "t", " "]),
)
def test_whatever_is_written_is_read_back(at: datetime, minutes: int, between: str) -> None:
    moment = at.astimezone(timezone(timedelta(minutes=minutes)))
    text = moment.isoformat().replace("T", between)
    assert read_moment(text) == moment
    if between != " ":
        assert read_rfc3339(text) == moment


@given(st.text(max_size=80))
def test_anything_else_is_refused_and_nothing_more(text: str) -> None:
    try:
        read_moment(text)
    except ValueError:
        return
