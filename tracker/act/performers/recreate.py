"""A failed post created anew in the place of the old one, where the provider has no call to retry it.

A new post publishes whatever became of the old one, so it is created only where no part of the old one is published,
and once: after an attempt of which nobody knows whether it did so, nothing is repeated, unless the provider is known
to tell by the key that it is the same wish. The key is that of the action, the same over all of its attempts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.act.performers.publisher import PASSING, UNTAKEN, unanswered
from tracker.act.performers.verdict import has_failed_throughout, settled
from tracker.domain.actions import Discard, Done, Reason, Retry, Unknown

if TYPE_CHECKING:
    from tracker.act.performers.publisher import Publisher
    from tracker.domain.actions import Claimed, Outcome
    from tracker.domain.posts.report import Draft

GENERATIONS = 5
"""Whatever the rules say, a post is created anew so often, and not more, with those that took its place."""


async def create_anew(client: Publisher, claimed: Claimed, post: str, *, knows_key: bool) -> Outcome:
    """Ask how the old post stands and what it is made of, and create it anew if all of it has failed."""
    new_key = claimed.attempt == 1  # with something before it, it does another action's work once more
    doubtful = claimed.previous in ("lost", "unknown", "done") and (new_key or not knows_key)
    if doubtful or claimed.other == "unknown":
        return Unknown(
            Reason.LOST, "an earlier attempt may have created it anew, and creating it again may publish twice"
        )
    if claimed.generation > GENERATIONS:
        detail = f"it is the {claimed.generation}th post in a row that failed in the place of the first one"
        return Discard(Reason.NOT_RETRYABLE, detail)
    asked = await client.show_post(post, then=1)
    if asked.value is None:
        return unanswered(asked)
    standing, draft = asked.value.report, asked.value.draft
    if outcome := settled(standing, asked.exchange):
        return outcome
    if not has_failed_throughout(standing):
        detail = "a part of it is published, and a new post would publish that part twice"
        return Discard(Reason.NOT_RETRYABLE, detail, asked.exchange, standing)
    if draft.missing:
        detail = f'providers.{claimed.provider}.recreate: there is nothing at "{draft.missing}" in the answer'
        return Discard(Reason.NOT_CONFIGURED, detail, asked.exchange, standing)
    return await _create(client, draft, claimed.idempotency_key, knows_key=knows_key)


async def _create(client: Publisher, draft: Draft, key: str, *, knows_key: bool) -> Outcome:
    reply = await client.create_post(draft.body, key)
    if reply.value is not None:
        return Done(f"continued as {reply.value}", Reason.RECREATED, reply.exchange, continued_as=reply.value)
    if reply.reason not in PASSING:
        return Discard(reply.reason, reply.detail, reply.exchange)
    if not reply.sent or reply.status in UNTAKEN or knows_key:
        return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
    return Unknown(reply.reason, reply.detail, reply.exchange)
