"""The circuit breaker: what opens it, who is let through to see, and what closes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.histories import EPOCH
from tracker.domain.actions import Reason
from tracker.domain.calls.circuit_breaker import FAILING, FAILURES, OUR_OWN, PAUSES, Breaker, Circuit

SECOND = timedelta(seconds=1)
PATIENCE = 15 * SECOND


@dataclass
class Callers:
    """Processes that share one breaker: calls under way by number, each with that of its trial."""

    breaker: Breaker = field(default_factory=Breaker)
    now: datetime = EPOCH
    under_way: list[int | None] = field(default_factory=list)

    def call(self) -> bool:
        if self.breaker.wait(self.now):
            return False
        self.breaker, trial = self.breaker.let_through(self.now, PATIENCE)
        self.under_way.append(trial)
        return True

    def end(self, reason: Reason, place: int = -1) -> None:
        self.breaker = self.breaker.record(reason, self.under_way.pop(place), self.now)

    def fail(self) -> None:
        assert self.call()
        self.end(Reason.TIMEOUT)

    def circuit(self) -> Circuit:
        return self.breaker.circuit(self.now)


def broken(openings: int = 1) -> Callers:
    """A circuit that has just opened, for the so-manieth time."""
    callers = Callers()
    for _ in range(FAILURES):
        callers.fail()
    for _ in range(openings - 1):
        callers.now += callers.breaker.wait(callers.now)
        callers.fail()
    return callers


@pytest.mark.parametrize("reason", sorted(FAILING))
def test_failures_in_a_row_open_it(reason: Reason) -> None:
    callers = Callers()
    for number in range(FAILURES):
        assert callers.circuit() is Circuit.CLOSED, number
        callers.call()
        callers.end(reason)
    assert callers.circuit() is Circuit.OPEN
    assert not callers.call()


@pytest.mark.parametrize("reason", sorted(set(Reason) - FAILING - OUR_OWN))
def test_any_answer_between_begins_the_row_anew(reason: Reason) -> None:
    """Also one that refuses: whoever refuses is there."""
    callers = Callers()
    for _ in range(FAILURES - 1):
        callers.fail()
    callers.call()
    callers.end(reason)
    for _ in range(FAILURES - 1):
        callers.fail()
    assert callers.circuit() is Circuit.CLOSED


@pytest.mark.parametrize("reason", sorted(OUR_OWN))
def test_what_is_our_own_fault_decides_nothing(reason: Reason) -> None:
    """Neither in a row, nor as a trial: the next call is the trial then."""
    callers = Callers()
    for _ in range(FAILURES - 1):
        callers.fail()
    callers.call()
    callers.end(reason)
    callers.fail()
    assert callers.circuit() is Circuit.OPEN
    callers.now += PAUSES.first
    assert callers.call()
    callers.end(reason)
    assert callers.circuit() is Circuit.HALF_OPEN
    assert callers.call()


def test_one_call_is_let_through_and_its_success_closes_it() -> None:
    callers = broken()
    callers.now += PAUSES.first
    assert callers.circuit() is Circuit.HALF_OPEN
    assert [callers.call() for _ in range(5)] == [True, False, False, False, False]
    callers.end(Reason.OK)
    assert callers.circuit() is Circuit.CLOSED
    callers.fail()
    assert callers.circuit() is Circuit.CLOSED


def test_each_trial_that_fails_makes_the_pause_longer_up_to_the_longest() -> None:
    pauses = [broken(openings).breaker.wait(broken(openings).now) for openings in range(1, 10)]
    assert pauses[:3] == [PAUSES.first, 2 * PAUSES.first, 4 * PAUSES.first]
    assert pauses[-2:] == [PAUSES.longest] * 2


def test_a_trial_that_never_comes_back_is_given_up() -> None:
    """Its process has died; when it speaks up after all, only its success counts."""
    callers = broken()
    callers.now += PAUSES.first
    callers.call()
    callers.now += PATIENCE - SECOND
    assert not callers.call()
    callers.now += SECOND
    assert callers.call()
    before = callers.breaker
    callers.end(Reason.TIMEOUT, 0)
    assert callers.breaker == before
    callers.end(Reason.OK)
    assert callers.circuit() is Circuit.CLOSED


def test_calls_from_before_it_opened_do_not_prolong_it_when_they_fail() -> None:
    callers = Callers()
    assert all(callers.call() for _ in range(FAILURES + 3))
    for _ in range(FAILURES):
        callers.end(Reason.TIMEOUT)
    opened = callers.breaker
    callers.now += SECOND
    callers.end(Reason.TIMEOUT)
    assert callers.breaker == opened
    callers.end(Reason.OK)
    assert callers.circuit() is Circuit.CLOSED


MOVES = st.lists(
    st.tuples(st.sampled_from(["call", "end"]), st.integers(0, 40), st.sampled_from(Reason), st.integers(0, 10)),
    max_size=80,
)


@given(MOVES)
def test_whatever_happens_an_open_circuit_lets_nobody_through_and_a_half_open_one_one_at_a_time(
    moves: list[tuple[str, int, Reason, int]],
) -> None:
    """Until that one has ended, was given up, or somebody else's success has closed the circuit."""
    callers, trying = Callers(), list[tuple[int, datetime]]()
    for move, seconds, reason, place in moves:
        callers.now += seconds * SECOND
        before = callers.circuit()
        if move == "end" and callers.under_way:
            ended = callers.under_way[place % len(callers.under_way)]
            callers.end(reason, place % len(callers.under_way))
            closed = reason not in FAILING | OUR_OWN
            trying = [one for one in trying if one[0] != ended and not closed]
            assert callers.breaker.wait(callers.now) <= max(PAUSES.longest, PATIENCE)
        elif move == "call" and callers.call():
            assert before is not Circuit.OPEN
            number = callers.under_way[-1]
            assert (number is None) is (before is Circuit.CLOSED)
            if number is not None:
                assert all(callers.now - began >= PATIENCE for _, began in trying)
                trying.append((number, callers.now))
        elif move == "call":
            assert before is not Circuit.CLOSED


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_a_clock_that_is_put_back_makes_no_pause_longer(seconds: int, openings: int) -> None:
    callers = broken(openings)
    before = callers.breaker.wait(callers.now)
    callers.now -= seconds * SECOND
    callers.breaker = callers.breaker.moved(-seconds * SECOND)
    assert callers.breaker.wait(callers.now) == before
