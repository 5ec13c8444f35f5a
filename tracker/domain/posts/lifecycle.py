"""The states' own rules: what begins a new attempt, what a set of targets amounts to, what is surprising."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.posts.event import State

if TYPE_CHECKING:
    from collections.abc import Collection

STARTING = frozenset({State.SCHEDULED, State.RETRYING, State.PUBLISHING})
TRIED = frozenset({State.PARTIAL, State.FAILED, State.PUBLISHED})
FALLEN_SHORT = TRIED - {State.PUBLISHED}
WITHDRAWN = frozenset({State.CANCELLED, State.REMOVED})
ENDED = TRIED | WITHDRAWN
WITHOUT_PROBLEM = WITHDRAWN | {State.PUBLISHED}
"""What came to this has no error, whatever went wrong on the way."""

UNFINISHED = frozenset(State) - ENDED - {State.UNKNOWN}

SURPRISING = {
    State.PUBLISHING: frozenset({State.DRAFT, State.AWAITING_APPROVAL, State.SCHEDULED}),
    State.RETRYING: frozenset({State.DRAFT, State.AWAITING_APPROVAL}),
    State.FAILED: frozenset({State.DRAFT, State.AWAITING_APPROVAL}),
    State.PUBLISHED: frozenset(State) - {State.PUBLISHED, State.REMOVED},
    State.CANCELLED: frozenset({State.RETRYING, State.PUBLISHING, State.PARTIAL, State.FAILED, State.PUBLISHED}),
    State.REMOVED: frozenset(State) - {State.REMOVED},
}


def begins_attempt(before: State, after: State) -> bool:
    """Starting again after having been tried is a new attempt."""
    return before in TRIED and after in STARTING


def derive(states: Collection[State]) -> State:
    """What a post is, given what its targets are.

    Withdrawn and unknown targets count only while there is nothing else. Work that is under way outweighs what
    has ended; published beside failed is partial.
    """
    known = set(states)
    known.discard(State.UNKNOWN)
    if len(known) == 1:
        return known.pop()
    live = known - WITHDRAWN
    if not live:
        return State.REMOVED if State.REMOVED in known else State.CANCELLED if known else State.UNKNOWN
    if len(live) == 1:
        return next(iter(live))
    if live <= TRIED:
        return State.PARTIAL
    if State.PUBLISHING not in live and State.RETRYING in live:
        return State.RETRYING
    return State.PUBLISHING if live & TRIED or State.PUBLISHING in live else min(live, key=list(State).index)
