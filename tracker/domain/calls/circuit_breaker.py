"""The circuit breaker: after failures in a row nobody calls for a while, and then one call tells for all."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from tracker.domain.actions import Backoff, Reason

FAILURES = 5
"""So many failures in a row open the circuit."""

PAUSES = Backoff(timedelta(seconds=10), 2, timedelta(minutes=10))
"""How long it stays open: longer each time that the one call fails too."""

FAILING = frozenset(
    {
        Reason.TIMEOUT,
        Reason.REFUSED,
        Reason.DNS,
        Reason.TLS,
        Reason.HTTP_5XX,
        Reason.BAD_ANSWER,
        Reason.TOO_LARGE,
    }
)
"""Ends of a call that say nothing of what was asked, and ill of who was asked."""

OUR_OWN = frozenset({Reason.BLOCKED, Reason.INTERNAL})
"""Ends that say nothing of the other side."""


class Circuit(StrEnum):
    """Calls pass; none does; or one at a time does, to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker(Struct, frozen=True):
    """`openings` counts how often it opened without a success between; `trial` numbers the calls that are to see.

    A trial that does not come back is given up at `trial_until`.
    """

    failures: int = 0
    openings: int = 0
    open_until: datetime | None = None
    trial: int = 0
    trial_until: datetime | None = None

    def circuit(self, now: datetime) -> Circuit:
        """How it stands at `now`."""
        if self.open_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self.open_until else Circuit.HALF_OPEN

    def wait(self, now: datetime) -> timedelta:
        """How long until a call may be let through; 0: now."""
        moments = [moment for moment in (self.open_until, self.trial_until) if moment]
        return max([now, *moments]) - now

    def let_through(self, now: datetime, patience: timedelta) -> tuple[Breaker, int | None]:
        """The breaker once a call has been let through, which may take `patience`, and the number of a trial."""
        if self.circuit(now) is Circuit.CLOSED:
            return self, None
        return replace(self, trial=self.trial + 1, trial_until=now + patience), self.trial + 1

    def record(self, reason: Reason, trial: int | None, now: datetime) -> Breaker:
        """The breaker after a call has ended; while it is open, only the trial under way can prolong that."""
        mine = trial is not None and trial == self.trial and self.trial_until is not None
        if reason in OUR_OWN:
            return replace(self, trial_until=None) if mine else self
        if reason not in FAILING:
            return Breaker(trial=self.trial)
        if self.open_until is not None:
            return self._opened(now) if mine else self
        failures = self.failures + 1
        return self._opened(now) if failures >= FAILURES else replace(self, failures=failures)

    def moved(self, by: timedelta) -> Breaker:
        """The breaker as if everything had happened so much later (or earlier)."""
        until = self.open_until + by if self.open_until else None
        return replace(self, open_until=until, trial_until=self.trial_until + by if self.trial_until else None)

    def _opened(self, now: datetime) -> Breaker:
        pause = PAUSES.delay(self.openings + 1, "")
        return Breaker(openings=self.openings + 1, open_until=now + pause, trial=self.trial)
