"""An agent keeps failing when it does so often or for long, and no longer when it has proved that it runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.told import NOON
from tracker.runtime.supervision import LONGEST_PROOF, Failing, failed

SECOND = timedelta(seconds=1)


def after(*runs: float, pause: float = 0) -> tuple[Failing, float]:
    """An agent that ran for so many seconds each time before it failed, and the seconds that have passed."""
    failing, passed = None, 0.0
    for ran in runs:
        passed += ran
        failing = failed(failing, NOON + passed * SECOND, ran * SECOND, f"run of {ran}")
        passed += pause
    assert failing
    return failing, passed


@pytest.mark.parametrize(
    ("runs", "pause", "keeps_on"),
    [
        ((0.1,), 0, False),
        ((0.1, 0.1), 0.5, False),
        ((0.1, 0.1, 0.1), 0.5, True),
        ((3600, 0.1), 0.5, False),
        ((3600, 0.1, 0.1), 0.5, True),
        ((12, 12), 0, True),
        ((0.1, 0.1), 15, True),
        ((0.1, 120, 0.1), 0, False),
    ],
)  # fmt: skip
def test_three_failures_are_more_than_a_mishap_and_two_if_they_go_on_for_long(
    runs: tuple[float, ...], pause: float, keeps_on: bool
) -> None:
    failing, passed = after(*runs, pause=pause)
    assert failing.keeps_on(NOON + passed * SECOND) is keeps_on


def test_it_has_to_run_longer_than_before_to_be_well() -> None:
    """One that fails after twelve seconds each time never looks well in between."""
    quick, _ = after(0.1, 0.1, 0.1)
    assert not quick.is_over(4 * SECOND)
    assert quick.is_over(6 * SECOND)
    slow, _ = after(12, 12, 12)
    assert (slow.failures, slow.is_over(12 * SECOND)) == (3, False)
    assert slow.is_over(25 * SECOND)


def test_a_minute_is_proof_enough_for_everybody() -> None:
    steady, _ = after(50, 50, 50)
    assert not steady.is_over(55 * SECOND)
    assert steady.is_over(LONGEST_PROOF + SECOND)


def test_the_first_time_and_the_last_error_are_told() -> None:
    failing, _ = after(0.5, 0.5, 0.5)
    assert str(failing) == "failed 3 times since 2026-11-10T12:00:00Z, the last time with run of 0.5"
