"""A target: one platform and account that a post goes to; and the rules of the states of posts and targets.

What is said late is not always placed late: a fact without a time of its own stands at its arrival, and times told to
the second, or by a clock that is ahead, are no finer than that. So such a fact never takes a target back: behind an
end it says nothing but what is further along, unless it numbers a newer attempt.

An end may be said again by its own event: nothing changes, and yet it has happened once more. The event may speak of
the post as a whole, or of targets alone, where each has an event of its own. Where a provider does both, the event
about the whole counts. A post that is partly published has fallen short again when the targets that failed have.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from tracker.domain.posts.event import OWN_SOURCES, RANK, UNKNOWN_PLATFORM, Fact, Problem, State, TargetFact

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracker.domain.posts.post import Post


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


ONE_CLOCK = timedelta(hours=1)
"""A clock that was ahead by more than so much beyond this one is another, or was wrong that once."""


class Target(Struct, frozen=True, gc=False, omit_defaults=True):
    """`named` tells whether its state was said of it by name, or only of the post as a whole.

    `times` counts how often in a row it `ended_as` it did. `told_at` is when its state was told by a clock that was
    ahead of ours; `undated`: it was told without a time. `withdrawn`: the post's list of targets no longer has it.
    """

    platform: str = field(default_factory=str)  # what has a factory is never left out, and statements look for it
    account: str | None = None
    ordinal: int = 1
    state: State = field(default_factory=lambda: State.UNKNOWN)
    attempt: int = 1
    entered_at: datetime | None = None
    named: bool = False
    url: str | None = None
    problem: Problem | None = None
    item: str | None = None
    times: int = 0
    ended_as: State | None = None
    told_at: datetime | None = None
    undated: bool = False
    withdrawn: bool = False

    def hears_too_late(self, fact: Fact) -> bool:
        """The fact speaks of an attempt that a newer one has already replaced."""
        return fact.attempt is not None and fact.attempt < self.attempt

    def apply(self, fact: Fact, word: TargetFact) -> Target:
        """The target after `word`: what the fact says of it, by name or as part of the whole.

        That attempt n is going to be tried says nothing once attempt n is known to have begun.
        """
        before = self.state
        state = word.state or (State.UNKNOWN if self.withdrawn else before)
        if state is not before and not self.withdrawn and self._stays(fact, state):
            state = before
        begins = state is not before and begins_attempt(before, state)
        attempt = fact.attempt or self.attempt + begins
        same = state is before and attempt == self.attempt
        ends = not same and state in ENDED
        return Target(
            word.platform if self.platform == UNKNOWN_PLATFORM and word.platform else self.platform,
            self.account or word.account,
            self.ordinal,
            state,
            attempt,
            entered_at=self.entered_at if same and self.entered_at else fact.occurred_at,
            named=bool(fact.targets) if word.state else self.named,
            url=word.url or self.url,
            problem=None if state in WITHOUT_PROBLEM else word.problem or (self.problem if same else None),
            item=word.item or (self.item if attempt == self.attempt else None),
            times=(self.times + 1 if state is self.ended_as else 1) if ends else self.times,
            ended_as=state if ends else self.ended_as,
            told_at=self.told_at if same else fact.told_at if fact.ahead else None,
            undated=self.undated if same else not fact.dated,
        )

    def withdraw(self, fact: Fact) -> Target:
        """The target once a listing of the whole post has left it out."""
        return Target(
            self.platform, self.account, self.ordinal, State.CANCELLED, self.attempt, fact.occurred_at, True, self.url,
            item=self.item, times=self.times, ended_as=self.ended_as, withdrawn=True,
        )  # fmt: skip

    def _stays(self, fact: Fact, state: State) -> bool:
        """Whether the fact is placed too roughly to take the target from where it is to an earlier `state`."""
        if state is State.RETRYING and fact.attempt is not None:
            return fact.attempt <= self.attempt
        if RANK[state] > RANK[self.state] or (fact.attempt is not None and fact.attempt > self.attempt):
            return False
        if not fact.dated:
            return self.state in ENDED or not self.undated
        entered = self.told_at or self.entered_at
        if not (fact.unit or fact.ahead) or self.undated or entered is None or self.entered_at is None:
            return False
        if fact.ahead:
            return fact.told_at <= entered and entered - self.entered_at <= fact.ahead + ONE_CLOCK
        return fact.told_at <= entered < fact.told_at + fact.unit


NEVER_HEARD = Target()


def first_heard(word: TargetFact, whole: Target | None) -> Target:
    """A target named for the first time stands where the whole stood: that was said of it too."""
    start = whole or NEVER_HEARD
    return Target(
        word.platform, word.account, word.ordinal, start.state, start.attempt, start.entered_at, start.named,
        start.url, start.problem, word.item, start.times, start.ended_as, start.told_at, start.undated,
    )  # fmt: skip


def spoken_for(fact: Fact, targets: dict[str, Target], attempt: int) -> Iterable[str]:
    """The keys of the targets for which a fact speaks that names none: those of its attempt.

    What was said of a target by name in the same attempt stands against what is said of all; work that starts
    again starts for those that failed, and for all of them only where none did. Nothing is said of what was withdrawn.
    """
    if fact.state is State.PARTIAL or fact.state is None:
        return ()
    there = {key: target for key, target in targets.items() if not target.withdrawn}
    if fact.state in WITHDRAWN:
        return list(there)
    if fact.state in STARTING and fact.attempt is not None and fact.attempt > attempt:
        return [key for key, target in there.items() if target.state is not State.PUBLISHED]
    current = [key for key, target in there.items() if target.attempt == (fact.attempt or attempt)]
    if fact.state in TRIED:
        return [key for key in current if targets[key].state not in ENDED or not targets[key].named]
    unfinished = [key for key in current if targets[key].state in UNFINISHED or targets[key].state is State.UNKNOWN]
    if unfinished or fact.state not in STARTING:
        return unfinished
    return [key for key, target in there.items() if target.state is State.FAILED] or current


Targets = dict[str, Target]

NO_NEWS = OWN_SOURCES | {"reconcile"}
"""What we say or ask ourselves never says an end again."""


def tells_end(fact: Fact, state: State) -> bool:
    """Whether the event is, by its name, the end at which the post stands now."""
    if not fact.ends_by_name or state not in ENDED:
        return False
    if fact.state is not None:
        return fact.state is state or (state is State.PARTIAL and fact.state in TRIED)
    return any(word.state is _of_targets(state) for word in fact.targets)


def said_again(
    post: Post, fact: Fact, targets: Targets, words: Iterable[tuple[str, TargetFact]], state: State
) -> tuple[bool, Targets]:
    """Whether an event that tells the post's end once more says it again, and the targets for which it does."""
    if fact.event != post.end_told_by or fact.source in NO_NEWS:
        return False, {}
    end = _of_targets(state)
    keys = [key for key, word in words if word.state is end] if fact.targets else targets
    found = {}
    for key in keys:
        before, after = post.targets.get(key), targets.get(key)
        if before and after and before.state is after.state is end and before.attempt == after.attempt:
            found[key] = replace(after, times=after.times + 1)
    return bool(found) or fact.state is state, found


def teller(post: Post, fact: Fact, *, told: bool, moved: bool) -> str | None:
    """The event that has told the end: of the whole post, or, where none did, of targets alone."""
    if told and (fact.state is not None or moved or post.end_told_by is None):
        return fact.event
    return None if moved else post.end_told_by


def _of_targets(state: State) -> State:
    """How those targets stand that make the post stand so."""
    return State.FAILED if state is State.PARTIAL else state
