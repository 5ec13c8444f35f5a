"""What an answer means beside what is known, and how long a silence is usual."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.integration.told import NOON
from tracker.domain.posts.event import Fact, State, TargetFact
from tracker.domain.posts.post import fold
from tracker.domain.posts.reconciliation import Finding, compare, next_question, told_since, true_at
from tracker.reconcile.silence_monitor import is_silent, patience

HOUR = timedelta(hours=1)
NUMBERS = count(1)


def fact(state: State | None, second: float, *targets: TargetFact, source: str = "reconcile") -> Fact:
    at = NOON + timedelta(seconds=second)
    return Fact(str(next(NUMBERS)), "sk", "p", "post.x", source, at, at, 1, state, targets=targets)


def test_a_post_that_nobody_told_of_was_missed() -> None:
    assert compare(None, fact(State.PUBLISHED, 1)) is Finding.MISSED


@pytest.mark.parametrize(
    ("told", "at", "finding"),
    [
        (State.PUBLISHING, 5, Finding.AGREES),
        (State.PUBLISHED, 5, Finding.MISSED),
        (State.PUBLISHED, 1, Finding.CONFLICT),
        (State.PUBLISHING, 1, Finding.AGREES),
        (None, 5, Finding.AGREES),
    ],
)
def test_an_answer_is_measured_by_what_is_known(told: State | None, at: float, finding: Finding) -> None:
    post = fold("sk", "p", [fact(State.SCHEDULED, 0), fact(State.PUBLISHING, 3)]).post
    assert compare(post, fact(told, at)) is finding


@pytest.mark.parametrize(
    ("at", "more", "finding"),
    [
        (5, {"excerpt": "hello"}, Finding.TELLS_MORE),
        (1, {"thumbnail": "https://a.example"}, Finding.TELLS_MORE),
        (5, {"excerpt": "known"}, Finding.AGREES),
        (1, {"excerpt": "older"}, Finding.AGREES),
        (5, {"attributes": {"a": "2"}}, Finding.TELLS_MORE),
        (1, {"attributes": {"a": "2"}}, Finding.AGREES),
        (1, {"attributes": {"b": "1"}}, Finding.TELLS_MORE),
    ],
)
def test_an_answer_that_moves_nothing_may_tell_more(at: float, more: dict[str, Any], finding: Finding) -> None:
    """What is older than what is known adds only what was not known at all."""
    first = replace(fact(State.PUBLISHING, 3), excerpt="known", attributes={"a": "1"})
    assert compare(fold("sk", "p", [first]).post, replace(fact(None, at), **more)) is finding


def test_a_target_that_moved_on_was_missed_although_the_whole_did_not() -> None:
    on = [TargetFact("x", state=State.PUBLISHING), TargetFact("y", state=State.PUBLISHING)]
    post = fold("sk", "p", [fact(State.PUBLISHING, 1, *on)]).post
    answer = fact(State.PUBLISHING, 2, TargetFact("x", state=State.PUBLISHED), on[1])
    assert compare(post, answer) is Finding.MISSED


STATES = st.sampled_from([State.SCHEDULED, State.PUBLISHING, State.FAILED, State.PUBLISHED, State.REMOVED])


@given(st.lists(st.tuples(STATES, st.integers(0, 50)), min_size=1, max_size=6), STATES, st.integers(0, 60))
def test_what_agrees_or_conflicts_never_changes_the_post_and_what_was_missed_does(
    told: list[tuple[State, int]], answer: State, at: int
) -> None:
    """An answer about an older moment than what is known overrides nothing."""
    facts = [fact(state, second) for state, second in told]
    before, asked = fold("sk", "p", facts).post, fact(answer, at)
    after = fold("sk", "p", [*facts, asked]).post
    finding = compare(before, asked)
    if finding is Finding.CONFLICT:
        assert asked.order < max(one.order for one in facts)
    if finding is Finding.MISSED:
        assert (after.state, after.attempt, after.entered_at) != (before.state, before.attempt, before.entered_at)
    if asked.order < max(one.order for one in facts):
        assert after.state is before.state


def test_the_time_of_an_answer_is_the_providers_where_it_tells_one() -> None:
    later = NOON + timedelta(minutes=1)
    assert true_at(NOON, later) == NOON
    assert true_at(None, later) == later - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("said", "at", "told"),
    [
        (State.PUBLISHED, 10, True),
        (State.PUBLISHED, 11, False),
        (State.PUBLISHED, 3, False),
        (State.PUBLISHING, 10, False),
    ],
)
def test_a_webhook_that_comes_late_says_that_nothing_was_missed(said: State, at: float, told: bool) -> None:
    found = fact(State.PUBLISHED, 10)
    assert told_since(found, NOON + timedelta(seconds=3), [fact(said, at, source="sk")]) is told


def test_questions_to_no_effect_become_rarer_and_never_stop() -> None:
    pauses = [next_question(times) for times in range(1, 40)]
    assert pauses[:3] == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(days=1)


def test_a_rhythm_takes_two_days_to_learn() -> None:
    assert patience([]) is None
    assert patience([NOON + HOUR * n for n in range(48)]) is None
    assert patience([NOON + HOUR * n for n in range(49)]) == timedelta(hours=2)


def test_a_nights_silence_is_usual_and_half_as_long_again_is_not() -> None:
    days = [NOON + HOUR * (24 * day + hour) for day in range(5) for hour in range(12)]
    last = days[-1]
    assert patience(days) == timedelta(hours=19.5)
    assert not is_silent(days, last, last + timedelta(hours=19))
    assert is_silent(days, last, last + timedelta(hours=20))
    assert is_silent(days, last, last + timedelta(hours=3), fixed=timedelta(hours=2))
    assert not is_silent([], last, last + timedelta(days=9))
