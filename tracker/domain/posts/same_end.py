"""An end that is said again by its own event: nothing changes, and yet it has happened once more.

The event may speak of the post as a whole, or of targets alone, where each has an event of its own. Where a provider
does both, the event about the whole counts. A post that is partly published has fallen short again when the targets
that failed have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tracker.domain.posts.event import OWN_SOURCES, Fact, State, TargetFact
from tracker.domain.posts.target import ENDED, TRIED, Target

if TYPE_CHECKING:
    from tracker.domain.posts.post import Post

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
