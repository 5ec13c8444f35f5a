"""One order over several clocks: the provider's, which may be ahead or rough or missing, and that of our door."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

from tests.unit.histories import EPOCH, fact, target
from tests.unit.test_naming import codes, told
from tracker.domain.posts.event import Fact, State, dated

SECOND = timedelta(seconds=1)


def heard(at: float | None, arrived: float, state: State, unit: float = 0, **more: Any) -> Fact:
    """A fact that the provider dated (or not), and when it came in."""
    moment = None if at is None else EPOCH + at * SECOND
    occurred_at, is_dated, ahead = dated(moment, EPOCH + arrived * SECOND)
    return fact(
        int(arrived), state, occurred_at=occurred_at, received_at=EPOCH + arrived * SECOND, dated=is_dated,
        unit=unit * SECOND, ahead=ahead, **more,
    )  # fmt: skip


def test_what_is_told_to_the_second_comes_after_what_arrived_in_that_second() -> None:
    post = told(heard(None, 46.401, State.SCHEDULED), heard(46, 46.710, State.PUBLISHED, unit=1))
    assert (post.state, post.attempt) == (State.PUBLISHED, 1)


def test_a_fact_without_a_time_does_not_overtake_what_is_further_along() -> None:
    for state in (State.SCHEDULED, State.PUBLISHING):
        post = told(heard(10, 11, State.PUBLISHED), heard(None, 12, state))
        assert (post.state, post.attempt, codes(post)) == (State.PUBLISHED, 1, ["not_later"])
    post = told(heard(10, 11, State.PUBLISHING), heard(None, 12, State.SCHEDULED))
    assert post.state is State.PUBLISHING


def test_among_facts_without_a_time_the_arrival_decides_but_for_ends() -> None:
    assert told(heard(None, 1, State.SCHEDULED), heard(None, 2, State.DRAFT)).state is State.DRAFT
    assert told(heard(None, 1, State.FAILED), heard(None, 2, State.PUBLISHING)).state is State.FAILED
    assert told(heard(None, 1, State.FAILED), heard(None, 2, State.PUBLISHED)).state is State.PUBLISHED


def test_a_numbered_attempt_needs_no_time() -> None:
    post = told(heard(None, 1, State.FAILED), heard(None, 2, State.PUBLISHING, attempt=2))
    assert (post.state, post.attempt) == (State.PUBLISHING, 2)


def test_a_time_from_the_future_counts_as_the_arrival_and_says_so() -> None:
    far = heard(73 * 365 * 86_400, 5, State.PUBLISHING)
    post = told(far, heard(9, 10, State.PUBLISHED))
    assert (post.state, codes(post)) == (State.PUBLISHED, ["ahead_of_clock"])
    assert post.notes[0].text == "its time is 26644d23h59m55s ahead of its arrival, which counts instead"
    assert post.entered_at == EPOCH + 9 * SECOND


def test_a_clock_that_is_a_little_ahead_is_nobodys_fault() -> None:
    assert codes(told(heard(5.9, 5, State.PUBLISHED))) == []


def test_what_a_clock_that_is_ahead_tells_is_in_its_own_order() -> None:
    post = told(heard(3610, 6, State.PUBLISHED), heard(3609, 7, State.PUBLISHING))
    assert (post.state, post.attempt) == (State.PUBLISHED, 1)


def test_what_is_told_in_one_second_and_arrives_in_it_is_in_the_order_of_the_states() -> None:
    post = told(heard(46, 46.2, State.PUBLISHED, unit=1), heard(46, 46.3, State.PUBLISHING, unit=1))
    assert (post.state, post.attempt) == (State.PUBLISHED, 1)


def test_a_retry_that_we_asked_for_follows_a_failure_of_the_same_second() -> None:
    post = told(
        heard(46, 46.2, State.FAILED, unit=1), heard(46.4, 46.5, State.RETRYING, attempt=2, source="action"),
        heard(47, 47.1, State.PUBLISHING, unit=1),
    )  # fmt: skip
    assert (post.state, post.attempt) == (State.PUBLISHING, 2)


def test_a_target_that_is_told_alone_counts_in_a_tie() -> None:
    scheduled = fact(0, None, (target("x", State.SCHEDULED, "a"),), id="z")
    published = fact(0, None, (target("x", State.PUBLISHED, "a"),), id="a")
    for order in permutations([scheduled, published]):
        assert told(*order).state is State.PUBLISHED


def test_a_time_that_was_wrong_once_holds_nothing_back() -> None:
    wrong = heard(73 * 365 * 86_400, 5, State.FAILED)
    for more in (heard(9, 10, State.PUBLISHING, unit=1), heard(12, 10, State.PUBLISHING)):
        assert told(wrong, more).state is State.PUBLISHING
