"""Orders about many posts or actions at once: what there is to order, what is passed over and why, and their states."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct

from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.domain.posts.target import FALLEN_SHORT

VERBS: Mapping[str, tuple[str, ...]] = {
    "posts": ("retry", "reconcile", "silence"), "actions": ("retry", "discard", "redeliver"),
}  # fmt: skip
"""What can be ordered, by what it is about."""
USUAL: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("posts", "retry"): tuple(sorted(FALLEN_SHORT)), **{("actions", verb): ("dead",) for verb in VERBS["actions"]},
}  # fmt: skip
"""The states that an order is about where none is named; others are about any."""
STATES = ("running", "paused", "done", "cancelled")
MOVES: Mapping[str, tuple[str, ...]] = {
    "paused": ("running",), "running": ("paused",), "cancelled": ("running", "paused"),
}  # fmt: skip
"""From which states a person brings a plan into which."""

ENDED = ("dead", "unknown", "discarded")
"""The states of actions that are attempted once more; `done` is only where everything is meant."""
OPEN: Mapping[str, Collection[str]] = {
    "retry": ENDED, "redeliver": (*ENDED, "done"), "discard": ("pending", "dead", "unknown"),
}  # fmt: skip
REASONS = (
    "under_way", "published", "not_failed", "will_not_help", "done", "discarded", "not_attempted", "gone", "over",
)  # fmt: skip
"""Why one of them is passed over."""


class Order(Struct, frozen=True):
    """What is to be done, and how fast: `filters` say about which, as people wrote them.

    With `include_all` also what is usually passed over: posts that it will not help to try again, actions that are
    done. Silences hold `until` then.
    """

    subject: str
    verb: str
    filters: Mapping[str, object]
    pace: str
    note: str = ""
    include_all: bool = False
    until: datetime | None = None


def helps(post: Post) -> bool:
    """Whether trying it again may: not where of all that went wrong with it the provider says that it does not."""
    whole = post.whole.problem if post.whole else None
    problems = [part.problem or whole for part in post.parts if part.state in FALLEN_SHORT] or [post.problem]
    return any(problem is None or problem.retryable is not False for problem in problems)


def passes_over_post(verb: str, post: Post | None, under_way: bool, include_all: bool) -> str | None:
    """Why the order is not given for this post: one of REASONS; None: it is. `under_way`: it is ordered already."""
    if post is None:
        return "gone"
    if verb == "silence":
        return None
    if under_way:
        return "under_way"
    if verb == "reconcile" or (post.state in FALLEN_SHORT and (include_all or helps(post))):
        return None
    if post.state in FALLEN_SHORT:
        return "will_not_help"
    if post.state is State.PUBLISHED:
        return "published"
    return "under_way" if post.state in (State.RETRYING, State.PUBLISHING) else "not_failed"


def passes_over_action(verb: str, state: str | None, include_all: bool) -> str | None:
    """Why the order is not given for an action in that state: one of REASONS; None: it is."""
    if state is None:
        return "gone"
    if state in OPEN[verb] or (verb == "retry" and state == "done" and include_all):
        return None
    if state in ("done", "discarded"):
        return state
    return "under_way" if state in ("pending", "claimed") else "not_attempted"
