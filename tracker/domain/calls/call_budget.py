"""How many calls a budget leaves: counted so that no window of time, wherever it begins, holds more than its rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from tracker.domain.rate import Rate

SLOTS = 60
"""A window forgets in steps of a sixtieth of its span: never too early, and at most one step too late."""

RESERVED = 4
"""Reconciliation leaves one call in so many to the others."""

FOREIGN = 4
"""Windows of spans that this process does not know, and that are counted on for processes with another budget."""


class Purpose(StrEnum):
    """On whose behalf a provider is called: that of a rule, of a person, or of the reconciler."""

    REACTION = "reaction"
    OPERATION = "operation"
    RECONCILIATION = "reconciliation"


class Window(Struct, frozen=True):
    """Calls within `span`: `counts` by slots, the newest first, which began at `began`."""

    span: timedelta
    began: datetime
    counts: tuple[int, ...] = ()

    @property
    def slot(self) -> timedelta:
        """The length of a slot, rounded up, so that all of them together are no shorter than the span."""
        return timedelta(microseconds=-(-self.span // timedelta(microseconds=1) // SLOTS))

    def at(self, now: datetime) -> Window:
        """The window as it stands at `now`: what is too old is forgotten."""
        passed = max((now - self.began) // self.slot, 0)
        counts = (*(0,) * min(passed, SLOTS + 1), *self.counts)[: SLOTS + 1]
        return replace(self, began=self.began + passed * self.slot, counts=counts)

    def used(self, now: datetime) -> int:
        """Calls that count at `now`."""
        return sum(count for end, count in self._ends() if end > now)

    def with_call(self) -> Window:
        """One call more in the newest slot."""
        first, *others = self.counts or (0,)
        return replace(self, counts=(first + 1, *others))

    def opens(self, now: datetime, most: int) -> datetime:
        """When no more than `most` calls count, if none is made meanwhile."""
        left, moment = self.used(now), now
        for end, count in reversed(list(self._ends())):
            if left <= most:
                break
            if end > now:
                left, moment = left - count, end
        return moment

    def _ends(self) -> Iterable[tuple[datetime, int]]:
        """When each slot's calls no longer count, the newest slot first."""
        return ((self.began + (1 - place) * self.slot + self.span, count) for place, count in enumerate(self.counts))


def limit(rate: Rate, purpose: Purpose) -> int:
    """How many calls of a window the purpose may bring it to."""
    return rate.times - (rate.times // RESERVED if purpose is Purpose.RECONCILIATION else 0)


def left(windows: Iterable[Window], rates: Iterable[Rate], purpose: Purpose, now: datetime) -> int:
    """How many calls could be made at `now`, one after another."""
    known = _by_span(windows, now)
    return min((max(limit(rate, purpose) - _used(known, rate, now), 0) for rate in rates), default=0)


def wait(windows: Iterable[Window], rates: Iterable[Rate], purpose: Purpose, now: datetime, room: int = 1) -> timedelta:
    """How long until there is room for so many calls, or for all that a rate allows where that is less; 0: now."""
    known, moments = _by_span(windows, now), [now]
    for rate in rates:
        if rate.per in known:
            most = limit(rate, purpose)
            moments.append(known[rate.per].opens(now, most - min(room, most)))
    return max(moments) - now


def spend(windows: Iterable[Window], rates: Sequence[Rate], now: datetime) -> tuple[Window, ...]:
    """The windows with one call more."""
    known = _by_span(windows, now)
    ours = {span: known.pop(span, Window(span, now)) for span in dict.fromkeys(rate.per for rate in rates)}
    return tuple(window.with_call() for window in (*ours.values(), *list(known.values())[:FOREIGN]))


def moved(windows: Iterable[Window], by: timedelta) -> tuple[Window, ...]:
    """The windows as if everything had happened so much later (or earlier): for a clock that was put back."""
    return tuple(replace(window, began=window.began + by) for window in windows)


def _by_span(windows: Iterable[Window], now: datetime) -> dict[timedelta, Window]:
    return {window.span: window.at(now) for window in windows}


def _used(known: dict[timedelta, Window], rate: Rate, now: datetime) -> int:
    return known[rate.per].used(now) if rate.per in known else 0
