"""Durations are read as people write them, and written back in the same way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("500ms", timedelta(milliseconds=500)),
        (" 0s ", timedelta(0)),
    ],
)
def test_every_documented_form_is_read(text: str, span: timedelta) -> None:
    """A number and a unit, once or several times, the largest first."""
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "10", "m", "1.5h", "-5m", "30m1h", "1m1m", "1 h", "5 minutes", "١m", "9999999999s"]
)
def test_anything_else_is_refused_with_the_forms_that_exist(text: str) -> None:
    """The error quotes what was written and shows what is right."""
    with pytest.raises(ValueError, match="is not a duration") as refused:
        parse_duration(text)
    assert f'"{text}"' in str(refused.value)
    assert '"1h30m"' in str(refused.value)


@pytest.mark.parametrize("text", ["36501d", "999999999w", "999999999w999999999d"])
def test_what_leads_out_of_the_calendar_is_refused(text: str) -> None:
    """A hundred years are the most, so that a moment so much earlier or later can be written down."""
    assert parse_duration("36500d") == timedelta(days=36500)
    with pytest.raises(ValueError, match="the longest duration is 36500d"):
        parse_duration(text)


@given(st.integers(0, 10**10).map(lambda n: timedelta(milliseconds=n)))
def test_what_is_written_is_read_back(span: timedelta) -> None:
    """Formatting and reading are inverse for whole milliseconds."""
    assert parse_duration(format_duration(span)) == span
