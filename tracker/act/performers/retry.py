"""`retry`: have the provider try a failed post again, without ever publishing it twice on a guess.

The provider is asked first, and is told to retry only what it still calls failed. So an attempt whose end nobody
knows (no answer after the request had left, a process that died) is settled by a question, never by a blind
repetition: at once, or where the next attempt begins. Where it cannot be asked, an outcome that is not known stays
unknown, and is shown. A provider without a call to retry may be told to create the post anew (recreate.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.act.performers.publisher import PASSING, UNTAKEN, purpose_of, unanswered
from tracker.act.performers.recreate import create_anew
from tracker.act.performers.verdict import is_at_it, settled
from tracker.domain.actions import IS_GONE, Discard, Done, Reason, Retry, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.act.performers.publisher import Publisher
    from tracker.domain.actions import Claimed, Outcome
    from tracker.settings import Provider


@dataclass(frozen=True, slots=True)
class RetryPost:
    """Performs `retry` for the configured providers, in the way that each of them is set to."""

    clients: Mapping[str, Publisher]
    providers: Mapping[str, Provider]

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Ask, then have it tried again if it still stands failed."""
        client, settings = self.clients.get(claimed.provider), self.providers.get(claimed.provider)
        if client is None or settings is None or claimed.post is None:
            return Discard(Reason.NOT_CONFIGURED, f"providers.{claimed.provider} is not in the configuration")
        if claimed.other == Reason.RECREATED:
            return Done("another retry has had it created anew", Reason.RECREATED)
        if claimed.other == Reason.OK:
            return Done("another retry of the same attempt was taken", Reason.NOT_NEEDED)
        client = client.on_behalf_of(purpose_of(claimed))
        match settings.retry:
            case "call":
                return await _call(client, claimed, claimed.post)
            case "create":
                return await create_anew(client, claimed, claimed.post, knows_key=settings.create_honours_key)
            case "never":
                return Discard(Reason.NOT_RETRYABLE, f'providers.{claimed.provider}.retry is "never"')


async def _call(client: Publisher, claimed: Claimed, post: str) -> Outcome:
    if not client.can("retry"):
        return _impossible(client, claimed.provider)
    if client.can("get"):
        asked = await client.get_post(post, then=1)
        if asked.value is None:
            return unanswered(asked)
        if outcome := settled(asked.value, asked.exchange):
            return outcome
    elif claimed.previous in ("lost", "unknown", "done") or claimed.other == "unknown":
        return Unknown(Reason.LOST, "an earlier attempt may have been heard, and the provider cannot be asked")
    return await _tell(client, post, claimed.idempotency_key)


def _impossible(client: Publisher, provider: str) -> Discard:
    if client.can("get") or client.can("create"):
        detail = f'it has no call to retry a post, and providers.{provider}.retry is not "create"'
        return Discard(Reason.NOT_RETRYABLE, detail)
    return Discard(Reason.NOT_CONFIGURED, f"providers.{provider} has no call to retry a post, or no key")


async def _tell(client: Publisher, post: str, key: str) -> Outcome:
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
    if asked.reason in IS_GONE:
        return unanswered(asked)
    if asked.value and is_at_it(asked.value):
        return Done("its answer was lost, but the provider is at it", exchange=reply.exchange, learned=asked.value)
    return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
