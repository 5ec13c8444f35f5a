"""How we stand with a provider: whether it may be called now, and what a call that has ended changes about that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from tracker.domain.actions import Reason
from tracker.domain.calls.call_budget import Purpose, Window, left, moved, spend, wait
from tracker.domain.calls.circuit_breaker import FAILING, OUR_OWN, Breaker, Circuit
from tracker.domain.duration import format_duration
from tracker.domain.rate import Rate

PATIENCE = timedelta(days=1)
"""The longest that a provider may put us off."""

FRESH = timedelta(minutes=10)
"""How long a balance of credits is relied on."""

USAGE = "usage"
"""The call that tells the balance, which therefore does not depend on it."""

CLOCK_OFF = 5.0
"""Seconds by which a provider's clock may differ from ours; a header tells it to the second."""


class Terms(Struct, frozen=True):
    """What the operator allows: all `rates` hold; `credits_kept` are for reactions alone; a call takes `longest`."""

    rates: tuple[Rate, ...]
    credits_kept: int = 0
    longest: timedelta = timedelta(seconds=15)


class CallRequest(Struct, frozen=True):
    """A call by its name; `room` counts it and those that are to follow it at once."""

    call: str
    purpose: Purpose
    room: int = 1


class Permit(Struct, frozen=True):
    """The call may be made; `trial` numbers one that is to tell whether the provider is back."""

    trial: int | None = None


class Refused(Struct, frozen=True):
    """The call is not to be made; it is worth asking again once `after` has passed, None: nobody knows when."""

    reason: Reason
    detail: str
    after: timedelta | None = None


class CallResult(Struct, frozen=True):
    """How a call that was let through has ended; `skew` is by how many seconds the provider's clock is ahead of ours.

    `put_off` is the Retry-After of an answer that refuses all calls.
    """

    reason: Reason
    trial: int | None = None
    put_off: timedelta | None = None
    skew: float | None = None
    credits: int | None = None


class Calling(StrEnum):
    """How calls of a provider fare: not made, one by one to see, put off by it, beyond the budget, or made."""

    PAUSED = "paused"
    TRYING = "trying"
    PUT_OFF = "put_off"
    SPENT = "spent"
    ANSWERS = "answers"


class CallLimits(Struct, frozen=True):
    """What all processes know together; `at` is the last moment of the clock by which they count."""

    provider: str
    at: datetime | None = None
    windows: tuple[Window, ...] = ()
    put_off_until: datetime | None = None
    breaker: Breaker = field(default_factory=Breaker)
    credits: int | None = None
    credits_at: datetime | None = None
    skew: float | None = None
    answered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None

    def seen(self, now: datetime) -> CallLimits:
        """The standing at `now`; where the clock was put back, all spans are as long as they were."""
        if self.at is None or self.at <= now:
            return replace(self, at=now)
        return _moved(self, now - self.at)

    def calling(self, rates: Iterable[Rate]) -> Calling:
        """How calls for rules fare at `at`, which must be known; what has to be mended first comes first."""
        if self.at is None:
            raise ValueError(f"{self.provider} was never called")
        circuit = self.breaker.circuit(self.at)
        if circuit is not Circuit.CLOSED:
            return Calling.PAUSED if circuit is Circuit.OPEN else Calling.TRYING
        if self.put_off_until and self.put_off_until > self.at:
            return Calling.PUT_OFF
        return Calling.ANSWERS if left(self.windows, rates, Purpose.REACTION, self.at) else Calling.SPENT

    def acquire(self, terms: Terms, wish: CallRequest, now: datetime) -> tuple[CallLimits, Permit | Refused]:
        """The standing after the wish, which has been counted where it was granted."""
        here = self.seen(now)
        refused = (
            _put_off(here, now) or _broken(here, now) or _poor(here, terms, wish, now) or _spent(here, terms, wish, now)
        )
        if refused:
            return here, refused
        breaker, trial = here.breaker.let_through(now, terms.longest)
        return replace(here, windows=spend(here.windows, terms.rates, now), breaker=breaker), Permit(trial)

    def record(self, result: CallResult, now: datetime) -> CallLimits:
        """The standing after a call has ended."""
        here = self.seen(now)
        here = replace(here, breaker=here.breaker.record(result.reason, result.trial, now))
        if result.put_off:
            until = now + min(result.put_off, PATIENCE)
            here = replace(here, put_off_until=max(until, here.put_off_until or until))
        if result.credits is not None:
            here = replace(here, credits=result.credits, credits_at=now)
        if result.reason in FAILING | OUR_OWN:
            here = replace(here, failed_at=now, failure=str(result.reason))
        else:
            here = replace(here, answered_at=now)
        return here if result.skew is None else replace(here, skew=result.skew)


def _put_off(standing: CallLimits, now: datetime) -> Refused | None:
    if standing.put_off_until is None or standing.put_off_until <= now:
        return None
    after = standing.put_off_until - now
    return Refused(Reason.TOLD_TO_WAIT, f"the provider wants no call for another {_short(after)}", after)


def _broken(standing: CallLimits, now: datetime) -> Refused | None:
    after = standing.breaker.wait(now)
    if not after:
        return None
    if standing.breaker.circuit(now) is Circuit.OPEN:
        detail = f"the last calls failed ({standing.failure}): none is made for another {_short(after)}"
    else:
        detail = "the last calls failed, and one is under way that tells whether the provider is back"
    return Refused(Reason.CIRCUIT_OPEN, detail, after)


def _poor(standing: CallLimits, terms: Terms, wish: CallRequest, now: datetime) -> Refused | None:
    if not terms.credits_kept or wish.purpose is not Purpose.RECONCILIATION or wish.call == USAGE:
        return None
    if standing.credits is None or standing.credits_at is None or standing.credits_at + FRESH <= now:
        return Refused(Reason.CREDITS_KEPT, "how many credits are left is not known", timedelta(0))
    if standing.credits > terms.credits_kept:
        return None
    detail = f"{standing.credits} credits are left, and {terms.credits_kept} are kept for reactions"
    return Refused(Reason.CREDITS_KEPT, detail, standing.credits_at + FRESH - now)


def _spent(standing: CallLimits, terms: Terms, wish: CallRequest, now: datetime) -> Refused | None:
    after = wait(standing.windows, terms.rates, wish.purpose, now, wish.room)
    if not after:
        return None
    budget = " and ".join(map(str, terms.rates))
    detail = f"the budget of {budget} leaves no call to {wish.purpose} for another {_short(after)}"
    return Refused(Reason.BUDGET_SPENT, detail, after)


def _moved(standing: CallLimits, by: timedelta) -> CallLimits:
    return replace(
        standing,
        at=standing.at + by if standing.at else None,
        windows=moved(standing.windows, by),
        breaker=standing.breaker.moved(by),
        put_off_until=standing.put_off_until + by if standing.put_off_until else None,
        credits_at=standing.credits_at + by if standing.credits_at else None,
    )


def _short(span: timedelta) -> str:
    return format_duration(timedelta(seconds=max(1, round(span.total_seconds()))))
