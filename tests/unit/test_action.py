"""Attempts, pauses and their ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tracker.domain.actions import (
    CHANGES_A_POST,
    POLICIES,
    WAITS,
    ActionSpec,
    Backoff,
    Discard,
    Done,
    Policy,
    Reason,
    Retry,
    Unknown,
    next_attempt,
)
from tracker.domain.payloads import AlertPayload

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEADY = Policy(attempts=3, backoff=Backoff(MINUTE, 2, 30 * MINUTE))


def test_the_pause_grows_by_the_factor_up_to_the_longest() -> None:
    backoff = Backoff(MINUTE, 2, 30 * MINUTE)
    assert [backoff.delay(n, "x") / MINUTE for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@given(n=st.integers(1, 10**9), seed=st.text(), factor=st.floats(1, 1000), jitter=st.floats(0, 1))
def test_a_pause_stays_within_its_jitter_and_is_the_same_for_the_same_seed(
    n: int, seed: str, factor: float, jitter: float
) -> None:
    backoff = Backoff(MINUTE, factor, 60 * MINUTE, jitter)
    delay = backoff.delay(n, seed)
    assert timedelta(0) <= delay <= 60 * MINUTE * (1 + jitter) + timedelta(microseconds=1)
    assert delay == backoff.delay(n, seed)


def test_jitter_spreads_different_runs_over_different_pauses() -> None:
    backoff = Backoff(MINUTE, jitter=0.2)
    delays = {backoff.delay(1, f"run-{i}") for i in range(50)}
    assert len(delays) == 50
    assert all(0.8 * MINUTE <= delay <= 1.2 * MINUTE for delay in delays)


def test_a_retryable_end_is_tried_again_after_the_pause() -> None:
    assert next_attempt(Retry(Reason.HTTP_5XX), 2, STEADY, NOW, "a") == NOW + 2 * MINUTE


def test_no_attempt_follows_the_last_one() -> None:
    assert next_attempt(Retry(Reason.TIMEOUT), 3, STEADY, NOW, "a") is None


@pytest.mark.parametrize("outcome", [Done(), Discard(Reason.HTTP_4XX), Unknown(Reason.TIMEOUT)])
def test_only_a_retryable_end_is_tried_again(outcome: Done | Discard | Unknown) -> None:
    assert next_attempt(outcome, 1, STEADY, NOW, "a") is None


def test_a_retry_after_longer_than_the_pause_is_honoured() -> None:
    assert next_attempt(Retry(Reason.RATE_LIMITED, after=7 * MINUTE), 1, STEADY, NOW, "a") == NOW + 7 * MINUTE


def test_a_retry_after_shorter_than_the_pause_does_not_hurry_us() -> None:
    assert next_attempt(Retry(Reason.RATE_LIMITED, after=timedelta(0)), 1, STEADY, NOW, "a") == NOW + MINUTE


def test_nobody_can_put_us_off_for_longer_than_our_patience() -> None:
    due = next_attempt(Retry(Reason.RATE_LIMITED, after=timedelta(days=3650)), 1, STEADY, NOW, "a")
    assert due == NOW + timedelta(days=1)


@pytest.mark.parametrize("reason", sorted(WAITS))
@pytest.mark.parametrize("attempts", [1, 3, 99])
def test_what_was_never_begun_is_waited_for_however_often(reason: Reason, attempts: int) -> None:
    """Until the moment that was named, without a pause that grows, and not for longer than our patience."""
    for after, due in ((7 * MINUTE, 7 * MINUTE), (None, timedelta(seconds=1)), (timedelta(days=30), timedelta(days=1))):
        assert next_attempt(Retry(reason, after), attempts, STEADY, NOW, "a") == NOW + due


@pytest.mark.parametrize("reason", sorted(set(Reason) - WAITS))
def test_what_was_begun_uses_up_an_attempt(reason: Reason) -> None:
    assert not Retry(reason).waits
    assert next_attempt(Retry(reason, 7 * MINUTE), 3, STEADY, NOW, "a") is None


def test_an_actions_id_follows_from_its_key_alone() -> None:
    first = ActionSpec("alert", "ops", AlertPayload(title="a"), "run:0:1", NOW)
    again = ActionSpec("alert", "web", AlertPayload(title="b"), "run:0:1", NOW + MINUTE)
    other = ActionSpec("alert", "ops", AlertPayload(title="a"), "run:0:2", NOW)
    assert first.id == again.id != other.id


def test_every_verb_gives_up_in_the_end() -> None:
    attempts = {verb: policy.attempts for verb, policy in POLICIES.items()}
    assert attempts == dict.fromkeys(("alert", "send", "reconcile", *CHANGES_A_POST), 8)


@pytest.mark.parametrize("verb", sorted(POLICIES))
def test_no_verb_gives_up_while_the_other_side_is_away_for_an_hour(verb: str) -> None:
    """The least that the pauses can come to."""
    policy = POLICIES[verb]
    even = replace(policy.backoff, jitter=0)
    pauses = sum((even.delay(attempt, "") for attempt in range(1, policy.attempts)), timedelta(0))
    assert pauses * (1 - policy.backoff.jitter) > timedelta(hours=1)
