"""A target: one platform and account that a post goes to; and the rules of the states of posts and targets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from tracker.domain.posts.event import Fact, Problem, State, TargetFact
from tracker.domain.posts.value import value

if TYPE_CHECKING:
    from collections.abc import Collection

STARTING = frozenset({State.SCHEDULED, State.RETRYING, State.PUBLISHING})
TRIED = frozenset({State.PARTIAL, State.FAILED, State.PUBLISHED})
FALLEN_SHORT = TRIED - {State.PUBLISHED}
WITHDRAWN = frozenset({State.CANCELLED, State.REMOVED})
ENDED = TRIED | WITHDRAWN
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


def is_surprising(before: State, after: State) -> bool:
    """Legal, because no state is absorbing, but worth a note on the history."""
    return after in SURPRISING.get(before, ())


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


@value(frozen=True, slots=True)
class Target:
    """`named` tells whether its state was said of it by name, or only of the post as a whole."""

    platform: str = ""
    account: str | None = None
    ordinal: int = 1
    state: State = State.UNKNOWN
    attempt: int = 1
    entered_at: datetime | None = None
    named: bool = False
    url: str | None = None
    problem: Problem | None = None

    def hears_too_late(self, fact: Fact) -> bool:
        """The fact speaks of an attempt that a newer one has already replaced."""
        return fact.attempt is not None and fact.attempt < self.attempt

    def apply(self, fact: Fact, word: TargetFact) -> Target:
        """The target after `word`: what the fact says of it, by name or as part of the whole.

        That attempt n is going to be tried says nothing once attempt n is known to have begun.
        """
        state = word.state or self.state
        if state is State.RETRYING and fact.attempt is not None and fact.attempt <= self.attempt:
            state = self.state
        begins = state is not self.state and begins_attempt(self.state, state)
        attempt = fact.attempt or self.attempt + begins
        same = state is self.state and attempt == self.attempt
        return Target(
            self.platform,
            self.account,
            self.ordinal,
            state,
            attempt,
            entered_at=self.entered_at if same and self.entered_at else fact.occurred_at,
            named=bool(fact.targets) if word.state else self.named,
            url=word.url or self.url,
            problem=word.problem or (self.problem if same else None),
        )


NEVER_HEARD = Target()


def first_heard(word: TargetFact, whole: Target | None) -> Target:
    """A target named for the first time stands where the whole stood: that was said of it too."""
    start = whole or NEVER_HEARD
    return Target(
        word.platform, word.account, word.ordinal, start.state, start.attempt, start.entered_at, start.named,
        start.url, start.problem,
    )  # fmt: skip


def spoken_for(fact: Fact, targets: dict[str, Target], attempt: int) -> Iterable[str]:
    """The keys of the targets for which a fact speaks that names none: those of its attempt.

    What was said of a target by name in the same attempt stands against what is said of all; work that starts
    again starts for those that failed, and for all of them only where none did.
    """
    if fact.state in WITHDRAWN:
        return list(targets)
    if fact.state is State.PARTIAL or fact.state is None:
        return ()
    if fact.state in STARTING and fact.attempt is not None and fact.attempt > attempt:
        return [key for key, target in targets.items() if target.state is not State.PUBLISHED]
    current = [key for key, target in targets.items() if target.attempt == (fact.attempt or attempt)]
    if fact.state in TRIED:
        return [key for key in current if targets[key].state not in ENDED or not targets[key].named]
    unfinished = [key for key in current if targets[key].state in UNFINISHED or targets[key].state is State.UNKNOWN]
    if unfinished or fact.state not in STARTING:
        return unfinished
    return [key for key, target in targets.items() if target.state is State.FAILED] or current
