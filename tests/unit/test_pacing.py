"""Pacing: never faster than the rate, whenever somebody looks, and no burst after a pause."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.integration.told import NOON
from tracker.domain.rate import BURST, Pace, Rate

SECOND = timedelta(seconds=1)


def test_one_is_due_at_once_and_the_next_after_the_gap() -> None:
    pace = Pace(Rate.parse("2 per minute"))
    assert pace.due(NOON, NOON) == (1, NOON + 30 * SECOND)
    assert pace.due(NOON + 30 * SECOND, NOON + 29 * SECOND) == (0, NOON + 30 * SECOND)


def test_what_a_late_look_missed_is_made_up_for_within_a_second_at_most() -> None:
    pace = Pace(Rate.parse("10 per second"))
    assert pace.due(NOON, NOON + SECOND / 2) == (6, NOON + 6 * SECOND / 10)
    assert pace.due(NOON, NOON + 3600 * SECOND) == (11, NOON + 3600 * SECOND + SECOND / 10)


@given(
    st.integers(1, 100),
    st.sampled_from(["second", "minute", "hour"]),
    st.lists(st.floats(0, 40), min_size=1, max_size=40),
)
def test_no_span_holds_more_than_the_rate_and_what_a_burst_makes_up_for(
    times: int, per: str, waits: list[float]
) -> None:
    """Whenever it is asked."""
    pace, now, next_at = Pace(Rate.parse(f"{times} per {per}")), NOON, NOON
    taken = []
    for wait in waits:
        now += wait * SECOND
        count, next_at = pace.due(next_at, now)
        taken.append((now, count))
    for start, (begin, _) in enumerate(taken):
        for end, _ in taken[start:]:
            within = sum(count for at, count in taken if begin <= at <= end)
            assert within <= (end - begin + BURST) / pace.gap + 1 + 1e-6
