"""What an answer of the provider means beside what we know: nothing new, something missed, or a conflict."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from tracker.domain.posts.arrival import stands_last
from tracker.domain.posts.event import State
from tracker.domain.posts.post import evolve

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tracker.domain.posts.event import Fact
    from tracker.domain.posts.post import Post

UNDER_WAY = (State.UNKNOWN, State.PUBLISHING, State.RETRYING)
"""States of which one expects to hear soon."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=10), timedelta(days=1)
WHOLE_SECOND = timedelta(seconds=1)


class Finding(StrEnum):
    """What an answer comes to."""

    AGREES = "agrees"
    TELLS_MORE = "tells_more"
    MISSED = "missed"
    CONFLICT = "conflict"


def compare(post: Post | None, fact: Fact) -> Finding:
    """The fact, which the provider told when it was asked, beside the post as we know it.

    One that stands after everything we know and moves the post was missed. One that stands before something newer,
    and says otherwise, contradicts it: it is kept, and the newer word counts. One that moves nothing may still tell
    more of what the post is recognised by.
    """
    if post is None:
        return Finding.MISSED
    step, last = evolve(post, fact), stands_last(post, fact)
    if not step.moves:
        return Finding.TELLS_MORE if _tells_more(post, step.post, last=last) else Finding.AGREES
    return Finding.MISSED if last else Finding.CONFLICT


def _tells_more(before: Post, after: Post, *, last: bool) -> bool:
    """Whether it adds something, or, standing last, replaces something."""
    new = before.attributes != after.attributes
    if new and not last:
        new = len(before.attributes) < len(after.attributes)
    for known, told in ((before.excerpt, after.excerpt), (before.thumbnail, after.thumbnail)):
        new = new or (known != told and (last or known is None))
    return new


def true_at(updated: datetime | None, asked: datetime) -> datetime:
    """When an answer was true, in the provider's own time where it tells it, so that no newer webhook is overridden.

    `asked` is our clock, which may be ahead of the provider's.
    """
    return updated or asked - WHOLE_SECOND


def told_since(found: Fact, heard_at: datetime | None, told: Iterable[Fact]) -> bool:
    """Whether a webhook said the same after all: about the time after what we had heard, up to what was found."""
    return any(
        (heard_at is None or heard_at < fact.occurred_at) and fact.occurred_at <= found.occurred_at
        and _said(fact) == _said(found)
        for fact in told
    )  # fmt: skip


def next_question(times: int) -> timedelta:
    """How long to wait before asking about a post again that was asked about so many times to no effect."""
    doublings = min(max(times - 1, 0), 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _said(fact: Fact) -> object:
    """Targets by their platforms, because not every message names their accounts."""
    return fact.state, sorted((target.platform, target.state or "") for target in fact.targets)
