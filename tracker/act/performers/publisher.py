"""What the actions on a post need of its provider's client, and what the reasons of its replies mean for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from tracker.domain.actions import IS_GONE, WAITS, Discard, Reason, Retry
from tracker.domain.calls.allowance import Purpose
from tracker.domain.calls.breaker import FAILING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tracker.domain.actions import Claimed
    from tracker.domain.posts.report import Report, Shown
    from tracker.outbound.reply import Reply

PASSING = FAILING | WAITS | {Reason.RATE_LIMITED}
"""Reasons that say nothing about the post."""

UNTAKEN = frozenset({429, 503})
"""Statuses that say that nothing was done."""


class Publisher(Protocol):
    """A provider's client; `then` is how many calls are to follow at once."""

    def can(self, call: str) -> bool:
        """Whether the call "get", "retry" or "create" is to be had."""

    def on_behalf_of(self, purpose: Purpose) -> Self:
        """The same, for that purpose."""

    async def get_post(self, post: str, *, then: int = 0) -> Reply[Report]:
        """How the post stands."""

    async def retry_post(self, post: str, idempotency_key: str) -> Reply[bool]:
        """Publish again what has failed."""

    async def show_post(self, post: str, *, then: int = 0) -> Reply[Shown]:
        """How the post stands, and what could be created in its place."""

    async def create_post(self, post: Mapping[str, Any], idempotency_key: str) -> Reply[str]:
        """Create a post; gives its id."""


def purpose_of(claimed: Claimed) -> Purpose:
    """What no rule asked for, a person did."""
    return Purpose.REACTION if claimed.rule else Purpose.OPERATION


def unanswered(reply: Reply[object]) -> Retry | Discard:
    """What follows from a question about a post that was not answered."""
    if reply.reason in PASSING:
        return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
    return Discard(reply.reason, reply.detail, reply.exchange, gone=reply.reason in IS_GONE)
