"""Who is wrong too often must wait, and nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tracker.domain.rate import Rate
from tracker.queries.key_checks import Throttle

THREE = Rate(3, timedelta(seconds=30))


def test_after_as_many_wrong_ones_as_allowed_one_must_wait_and_others_need_not() -> None:
    throttle = Throttle(THREE)
    for _ in range(3):
        assert throttle.wait("a", 100) == 0
        throttle.wrong("a", 100)
    assert throttle.wait("a", 100) == 10
    assert throttle.wait("a", 109.5) == pytest.approx(0.5)
    assert throttle.wait("a", 110) == 0
    assert throttle.wait("b", 100) == 0


@given(some.lists(some.floats(0, 20), max_size=60))
def test_nobody_is_let_through_more_often_than_the_rate_says(pauses: list[float]) -> None:
    throttle, now, wrong = Throttle(THREE), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if not throttle.wait("a", now):
            throttle.wrong("a", now)
            wrong.append(now)
    for start in wrong:
        assert sum(start <= one < start + 30 for one in wrong) <= 2 * THREE.times


def test_what_is_remembered_is_bounded_and_ends_by_itself() -> None:
    throttle = Throttle(THREE, most=10)
    for number in range(100):
        throttle.wrong(str(number), 0)
    assert len(throttle) <= 10
    for _ in range(20):
        throttle.wrong("x", 1000)
    assert len(throttle) <= 2
