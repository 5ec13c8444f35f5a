"""Rates and counts within a window."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.histories import EPOCH
from tracker.domain.rate import Count, Debounce, Rate

SECONDS = st.lists(st.integers(0, 100), min_size=1, max_size=12)


def at(second: int) -> datetime:
    return EPOCH + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("text", "wanted"), [("600 in 1h", "600 in 1h"), ("50 per hour", "50 in 1h"), ("1 per day", "1 in 1d")]
)
def test_a_rate_is_read_in_either_form(text: str, wanted: str) -> None:
    assert str(Rate.parse(text)) == wanted


@pytest.mark.parametrize("text", ["", "many", "0 in 1h", "5 in 0s", "5 every hour", "-1 in 1h"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate|span|duration"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["5 in 10m", "> 0 in 1m", ">= 1 in 1m", "> 1000 in 1m", "< 5 in 1m", "> 5 in 0m"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"count|span"):
        Count.parse(text)


def test_more_than_five_are_at_least_six() -> None:
    assert Count.parse("> 5 in 10m") == Count.parse(">=6 in 10m")


@given(SECONDS)
def test_a_count_is_the_most_that_one_window_holds_whatever_the_order_of_arrival(seconds: list[int]) -> None:
    """Against the plain definition: windows of ten seconds, each with the latest in it."""
    *earlier, latest = seconds
    counted = Count(2, timedelta(seconds=10)).reached(map(at, earlier), at(latest))
    windows = [(start, start + 10) for start in range(latest - 10, latest + 1)]
    assert counted == max(sum(start <= one <= end for one in seconds) for start, end in windows)


@given(SECONDS, st.randoms())
def test_the_order_of_what_came_before_does_not_matter(seconds: list[int], random: object) -> None:
    *earlier, latest = seconds
    shuffled = sorted(earlier, key=lambda _: random.random())  # type: ignore[attr-defined]  # hypothesis' own Random
    count = Count(2, timedelta(seconds=10))
    assert count.reached(map(at, shuffled), at(latest)) == count.reached(map(at, earlier), at(latest))


@pytest.mark.parametrize(("text", "until"), [("10s", 19), ("10s max 1m", 19), ("10s max 15s", 15)])
def test_a_debounce_waits_for_calm_and_not_beyond_its_longest(text: str, until: int) -> None:
    assert str(Debounce.parse(text)) == text
    assert Debounce.parse(text).until(at(0), at(9)) == at(until)


@pytest.mark.parametrize("text", ["", "0s", "10m max 5m", "10m max", "10m min 1h", "soon", "10m max 0s"])
def test_what_is_no_debounce_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|span|longest"):
        Debounce.parse(text)
