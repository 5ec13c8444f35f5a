"""`retry`: have the provider try a failed post again, without ever publishing it twice on a guess.

The provider is asked first, and is told to retry only what it still calls failed. So an attempt whose end nobody
knows (no answer after the request had left, a process that died) is settled by a question, never by a blind
repetition: at once, or where the next attempt begins. Where it cannot be asked, an outcome that is not known stays
unknown, and is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tracker.domain.action import Discard, Done, Reason, Retry, Unknown
from tracker.domain.event import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.domain.action import Claimed, Outcome
    from tracker.domain.report import Report
    from tracker.outbound.reply import Reply

FAILED = frozenset({State.FAILED, State.PARTIAL})
UNDER_WAY = frozenset({State.SCHEDULED, State.RETRYING, State.PUBLISHING})
PASSING = frozenset(
    {
        Reason.TIMEOUT,
        Reason.REFUSED,
        Reason.DNS,
        Reason.TLS,
        Reason.RATE_LIMITED,
        Reason.HTTP_5XX,
        Reason.BAD_ANSWER,
        Reason.TOO_LARGE,
    }
)
"""Reasons that say nothing about the post."""

UNTAKEN = frozenset({429, 503})
"""Statuses that say that nothing was done."""


class Publisher(Protocol):
    """The part of a provider's client that a retry needs."""

    def can(self, call: str) -> bool:
        """Whether the call "get" or "retry" is to be had."""

    async def get_post(self, post: str) -> Reply[Report]:
        """How the post stands."""

    async def retry_post(self, post: str, idempotency_key: str) -> Reply[bool]:
        """Publish again what has failed."""


@dataclass(frozen=True, slots=True)
class RetryPost:
    """Performs `retry` for the configured providers."""

    clients: Mapping[str, Publisher]

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Ask, then have it tried again if it still stands failed."""
        client = self.clients.get(claimed.provider)
        if client is None or claimed.post is None or not client.can("retry"):
            return Discard(Reason.NOT_CONFIGURED, f"providers.{claimed.provider} has no call to retry a post")
        if client.can("get"):
            settled = _settled(await client.get_post(claimed.post))
            if settled:
                return settled
        elif claimed.previous in ("lost", "unknown", "done"):
            return Unknown(Reason.LOST, "an earlier attempt may have been heard, and the provider cannot be asked")
        return await self._retry(client, claimed.post, claimed.idempotency_key)

    async def _retry(self, client: Publisher, post: str, key: str) -> Outcome:
        reply = await client.retry_post(post, key)
        if reply.reason is Reason.OK:
            return Done(exchange=reply.exchange)
        if reply.reason not in PASSING:
            return Discard(reply.reason, reply.detail, reply.exchange)
        if not reply.sent or reply.status in UNTAKEN:
            return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
        if not client.can("get"):
            return Unknown(reply.reason, reply.detail, reply.exchange)
        asked = await client.get_post(post)
        if asked.value and _is_at_it(asked.value):
            return Done("its answer was lost, but the provider is at it", exchange=reply.exchange, learned=asked.value)
        return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)


def _settled(reply: Reply[Report]) -> Outcome | None:
    """What follows from how the post stands at the provider; None: it may be tried again."""
    standing = reply.value
    if standing is None:
        if reply.reason in PASSING:
            return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
        return Discard(reply.reason, reply.detail, reply.exchange)
    if _is_at_it(standing):
        return Done(f"the provider says {standing.state}", Reason.NOT_NEEDED, reply.exchange, standing)
    if not _has_failed(standing):
        detail = f"only what has failed is tried again, and the provider says {standing.state or 'nothing we know'}"
        return Discard(Reason.NOT_NEEDED, detail, reply.exchange, standing)
    problems = [standing.problem, *(target.problem for target in standing.targets)]
    said = [problem.retryable for problem in problems if problem and problem.retryable is not None]
    if said and not any(said):
        return Discard(
            Reason.NOT_RETRYABLE, "the provider says that another try would not help", reply.exchange, standing
        )
    return None


def _is_at_it(standing: Report) -> bool:
    """Published, or on the way there: the whole by the provider's word, or any part of it that is still moving."""
    states = {target.state for target in standing.targets}
    moving = standing.state in UNDER_WAY or bool(states & UNDER_WAY)
    return moving or (standing.state is State.PUBLISHED and not states & FAILED)


def _has_failed(standing: Report) -> bool:
    return standing.state in FAILED or any(target.state in FAILED for target in standing.targets)
