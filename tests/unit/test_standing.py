"""How we stand with a provider: who is refused, why, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.histories import EPOCH
from tracker.domain.actions import WAITS, Reason
from tracker.domain.calls.call_budget import Purpose
from tracker.domain.calls.call_limits import (
    FRESH,
    PATIENCE,
    CallLimits,
    CallRequest,
    CallResult,
    Permit,
    Refused,
    Terms,
)
from tracker.domain.calls.circuit_breaker import FAILURES, PAUSES, Circuit
from tracker.domain.rate import Rate

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TERMS = Terms((Rate(4, HOUR),))
NEW = CallLimits("sosyalkopru")


def a_wish(purpose: Purpose = Purpose.REACTION, call: str = "get", room: int = 1) -> CallRequest:
    return CallRequest(call, purpose, room)


WISH = a_wish()


def broken() -> CallLimits:
    standing = NEW
    for _ in range(FAILURES):
        standing = standing.record(CallResult(Reason.TIMEOUT), EPOCH)
    return standing


def refused(standing: CallLimits, terms: Terms = TERMS, by: CallRequest = WISH, at: timedelta = 0 * SECOND) -> Refused:
    _, answer = standing.acquire(terms, by, EPOCH + at)
    assert isinstance(answer, Refused)
    assert answer.reason in WAITS
    assert answer.detail
    return answer


def permitted(standing: CallLimits, terms: Terms = TERMS, by: CallRequest = WISH, at: timedelta = 0 * SECOND) -> Permit:
    _, answer = standing.acquire(terms, by, EPOCH + at)
    assert isinstance(answer, Permit)
    return answer


@pytest.mark.parametrize("reason", [Reason.RATE_LIMITED, Reason.HTTP_5XX])
def test_a_provider_that_says_later_is_left_alone_for_so_long_by_everybody(reason: Reason) -> None:
    standing = NEW.record(CallResult(reason, put_off=MINUTE), EPOCH)
    for purpose in Purpose:
        assert refused(standing, by=a_wish(purpose), at=SECOND).after == 59 * SECOND
    assert refused(standing).reason is Reason.TOLD_TO_WAIT
    permitted(standing, at=MINUTE)


def test_a_shorter_wish_does_not_cut_a_longer_one_short_and_none_is_longer_than_our_patience() -> None:
    standing = NEW.record(CallResult(Reason.RATE_LIMITED, put_off=HOUR), EPOCH)
    standing = standing.record(CallResult(Reason.RATE_LIMITED, put_off=SECOND), EPOCH)
    assert refused(standing).after == HOUR
    assert refused(NEW.record(CallResult(Reason.RATE_LIMITED, put_off=9999 * HOUR), EPOCH)).after == PATIENCE


def test_a_budget_that_is_spent_is_named_with_the_moment_when_there_is_room() -> None:
    standing = NEW
    for _ in range(4):
        standing, _permit = standing.acquire(TERMS, a_wish(), EPOCH)
    told = refused(standing)
    assert (told.reason, told.after) == (Reason.BUDGET_SPENT, 61 * MINUTE)
    assert "4 in 1h" in told.detail
    assert permitted(standing, at=61 * MINUTE) == Permit()


def test_a_refusal_costs_nothing_of_the_budget() -> None:
    standing = NEW.record(CallResult(Reason.RATE_LIMITED, put_off=MINUTE), EPOCH)
    for _ in range(9):
        standing, _refused = standing.acquire(TERMS, a_wish(), EPOCH)
    assert not standing.windows


def test_a_broken_circuit_is_named_and_a_refused_trial_is_none() -> None:
    """Where the budget does not allow the one call, it is still to be made."""
    standing = broken()
    told = refused(standing)
    assert (told.reason, told.after) == (Reason.CIRCUIT_OPEN, PAUSES.first)
    assert "timeout" in told.detail
    spent = Terms((Rate(2, HOUR),))
    for _ in range(2):
        standing = standing.acquire(spent, a_wish(), EPOCH + PAUSES.first)[0]
        standing = standing.record(CallResult(Reason.INTERNAL, standing.breaker.trial), EPOCH + PAUSES.first)
    before = standing.breaker.trial
    standing, answer = standing.acquire(spent, a_wish(), EPOCH + PAUSES.first)
    assert isinstance(answer, Refused)
    assert (answer.reason, standing.breaker.trial) == (Reason.BUDGET_SPENT, before)
    permit = permitted(standing, at=2 * HOUR)
    assert permit.trial == before + 1


def test_while_one_call_tells_whether_the_provider_is_back_the_others_wait() -> None:
    standing, permit = broken().acquire(TERMS, a_wish(), EPOCH + PAUSES.first)
    assert isinstance(permit, Permit)
    assert refused(standing, at=PAUSES.first).after == TERMS.longest
    standing = standing.record(CallResult(Reason.OK, permit.trial), EPOCH + PAUSES.first)
    assert standing.breaker.circuit(EPOCH) is Circuit.CLOSED
    permitted(standing, at=PAUSES.first)


def test_only_reconciliation_leaves_the_credits_that_are_kept() -> None:
    terms = Terms((Rate(100, HOUR),), credits_kept=50)
    for balance, stops in ((51, False), (50, True), (0, True)):
        standing = NEW.record(CallResult(Reason.OK, credits=balance), EPOCH)
        permitted(standing, terms)
        permitted(standing, terms, a_wish(Purpose.OPERATION))
        permitted(standing, terms, a_wish(Purpose.RECONCILIATION, "usage"))
        if stops:
            told = refused(standing, terms, a_wish(Purpose.RECONCILIATION), at=MINUTE)
            assert (told.reason, told.after) == (Reason.CREDITS_KEPT, FRESH - MINUTE)
        else:
            permitted(standing, terms, a_wish(Purpose.RECONCILIATION))
        permitted(standing, TERMS, a_wish(Purpose.RECONCILIATION))


@pytest.mark.parametrize("standing", [NEW, NEW.record(CallResult(Reason.OK, credits=99), EPOCH - FRESH)])
def test_a_balance_that_is_not_known_or_old_is_to_be_asked_for_at_once(standing: CallLimits) -> None:
    told = refused(standing, Terms((Rate(100, HOUR),), credits_kept=50), a_wish(Purpose.RECONCILIATION))
    assert (told.reason, told.after) == (Reason.CREDITS_KEPT, timedelta(0))


def test_what_was_heard_is_remembered() -> None:
    standing = NEW.record(CallResult(Reason.OK, skew=1.5, credits=7), EPOCH)
    standing = standing.record(CallResult(Reason.NOT_FOUND), EPOCH + SECOND)
    standing = standing.record(CallResult(Reason.DNS), EPOCH + MINUTE)
    assert (standing.skew, standing.credits, standing.credits_at) == (1.5, 7, EPOCH)
    assert (standing.answered_at, standing.failed_at, standing.failure) == (EPOCH + SECOND, EPOCH + MINUTE, "dns")


@given(st.integers(1, 10**9), st.sampled_from(["put off", "broken", "spent"]))
def test_a_clock_that_is_put_back_makes_nobody_wait_longer(seconds: int, why: str) -> None:
    """Nor less: what was to last so long still does."""
    standing = {"put off": NEW.record(CallResult(Reason.RATE_LIMITED, put_off=MINUTE), EPOCH), "broken": broken()}.get(
        why, NEW
    )
    while isinstance((asked := standing.acquire(TERMS, a_wish(), EPOCH))[1], Permit):
        standing = asked[0]
    before = refused(standing).after
    assert before
    earlier = -timedelta(seconds=seconds)
    assert refused(standing, at=earlier).after == before
    standing = standing.seen(EPOCH + earlier)
    permitted(standing, at=earlier + before)
