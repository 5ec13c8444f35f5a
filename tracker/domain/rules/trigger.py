"""What rules react to: something that happened, that has lasted, that did not happen, or the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from tracker.domain.calendar import Calendar
from tracker.domain.posts.event import State
from tracker.domain.posts.lifecycle import WITHDRAWN
from tracker.domain.rules.event_pattern import EventPattern, entered

_STARTED = frozenset({State.PUBLISHING, State.RETRYING, State.PARTIAL, State.FAILED, State.PUBLISHED})
_BEYOND: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.AWAITING_APPROVAL, State.SCHEDULED}) | _STARTED,
    State.AWAITING_APPROVAL: frozenset({State.SCHEDULED}) | _STARTED,
    State.SCHEDULED: _STARTED,
    State.PUBLISHING: _STARTED,
    State.PARTIAL: frozenset({State.PUBLISHED}),
}
_IMPLIED = {
    "scheduled_at": frozenset({State.SCHEDULED}),
    "published_at": frozenset({State.PUBLISHED}),
    "failed_at": frozenset({State.FAILED, State.PARTIAL}),
}


@dataclass(frozen=True, slots=True)
class On:
    """Something happened."""

    words: tuple[EventPattern, ...]


@dataclass(frozen=True, slots=True)
class While:
    """A state has held for `lasting`."""

    states: frozenset[State]
    lasting: timedelta


@dataclass(frozen=True)
class Expect:
    """Something has not happened `within` a span of the post's time `of`, or else of what `on` names."""

    words: tuple[EventPattern, ...]
    within: timedelta
    of: str | None = None
    on: tuple[EventPattern, ...] = ()

    @cached_property
    def met(self) -> frozenset[State]:
        """The states in which what is expected has happened; the state that started the wait is none of them."""
        states = entered(self.words)
        beyond = frozenset[State]().union(*(_BEYOND.get(state, frozenset()) for state in states))
        return states | (beyond - (_IMPLIED[self.of] if self.of else entered(self.on)))

    @cached_property
    def over(self) -> frozenset[State]:
        """The states in which there is nothing left to wait for."""
        return self.met | WITHDRAWN


@dataclass(frozen=True, slots=True)
class Every:
    """A time of the clock has come. With `over`, what it names has been gathered since the last time.

    `skip_empty`: nothing happens where nothing was gathered.
    """

    calendar: Calendar
    over: tuple[EventPattern, ...] = ()
    skip_empty: bool = False


Trigger = On | While | Expect | Every
