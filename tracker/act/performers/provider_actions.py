"""`retry` and `reconcile`: a post tried again at its provider, never published twice on a guess; or asked about.

The provider is asked first, and is told to retry only what it still calls failed. So an attempt whose end nobody
knows (no answer after the request had left, a process that died) is settled by a question, never by a blind
repetition: at once, or where the next attempt begins. Where it cannot be asked, an outcome that is not known stays
unknown, and is shown. A provider without a call to retry may be told to create the post anew (`create_anew`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from tracker.domain.actions import IS_GONE, WAITS, Discard, Done, Reason, Retry, Unknown
from tracker.domain.calls.call_budget import Purpose
from tracker.domain.calls.circuit_breaker import FAILING
from tracker.domain.posts.event import State
from tracker.domain.posts.target import FALLEN_SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from tracker.domain.actions import Claimed, Exchange, Outcome
    from tracker.domain.posts.event import Report, Shown
    from tracker.outbound.client import Reply
    from tracker.settings import Provider


PASSING = FAILING | WAITS | {Reason.RATE_LIMITED}
"""Reasons that say nothing about the post."""

UNTAKEN = frozenset({429, 503})
"""Statuses that say that nothing was done."""

DOUBTFUL = frozenset({"lost", "unknown", "done"})
"""Ends of an earlier attempt after which it may have been heard."""

TWICE = "an earlier attempt may have created it, and creating it again may publish twice"


class Publisher(Protocol):
    """A provider's client; `then` is how many calls are to follow at once."""

    def can(self, call: str) -> bool:
        """Whether the call of that name, as "get" or "retry", is to be had."""

    def on_behalf_of(self, purpose: Purpose) -> Self:
        """This client, whose calls count as made for that purpose."""

    async def get_post(self, post: str, *, then: int = 0) -> Reply[Report]:
        """How the post stands at the provider."""

    async def retry_post(self, post: str, idempotency_key: str) -> Reply[bool]:
        """Publish again what has failed."""

    async def change_post(self, verb: str, post: str, idempotency_key: str, at: datetime | None = None) -> Reply[bool]:
        """Have the post cancelled, deleted or moved to `at`."""

    async def show_post(self, post: str, *, then: int = 0) -> Reply[Shown]:
        """How the post stands, and what could be created in its place."""

    async def create_post(self, post: Mapping[str, Any], idempotency_key: str) -> Reply[str]:
        """Create a post; gives its id."""


def purpose_of(claimed: Claimed) -> Purpose:
    """REACTION for an action of a rule, OPERATION for one that a person asked for."""
    return Purpose.REACTION if claimed.rule else Purpose.OPERATION


def unanswered(reply: Reply[object]) -> Retry | Discard:
    """What follows from a question about a post that was not answered."""
    if reply.reason in PASSING:
        return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
    return Discard(reply.reason, reply.detail, reply.exchange, gone=reply.reason in IS_GONE)


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Performs `reconcile` for the configured providers."""

    clients: Mapping[str, Publisher]

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Ask the provider once; its answer about the post is `learned` of the outcome."""
        client = self.clients.get(claimed.provider)
        if client is None or claimed.post is None or not client.can("get"):
            return Discard(Reason.NOT_CONFIGURED, f"providers.{claimed.provider} has no call to ask about a post")
        reply = await client.on_behalf_of(purpose_of(claimed)).get_post(claimed.post)
        if reply.value is None:
            return unanswered(reply)
        return Done(f"the provider says {reply.value.state}", exchange=reply.exchange, learned=reply.value)


UNDER_WAY = frozenset({State.SCHEDULED, State.RETRYING, State.PUBLISHING})


def settled(standing: Report, exchange: Exchange) -> Outcome | None:
    """What follows from how the post stands; None: it may be tried again."""
    if is_at_it(standing):
        return Done(f"the provider says {standing.state}", Reason.NOT_NEEDED, exchange, standing)
    if not _has_failed(standing):
        detail = f"only what has failed is tried again, and the provider says {standing.state or 'nothing we know'}"
        return Discard(Reason.NOT_NEEDED, detail, exchange, standing)
    problems = [standing.problem, *(target.problem for target in standing.targets)]
    said = [problem.retryable for problem in problems if problem and problem.retryable is not None]
    if said and not any(said):
        return Discard(Reason.NOT_RETRYABLE, "the provider says that another try would not help", exchange, standing)
    return None


def is_at_it(standing: Report) -> bool:
    """Published, or on the way there: the whole by the provider's word, or any part of it that is still moving."""
    states = {target.state for target in standing.targets}
    moving = standing.state in UNDER_WAY or bool(states & UNDER_WAY)
    return moving or (standing.state is State.PUBLISHED and not states & FALLEN_SHORT)


def has_failed_throughout(standing: Report) -> bool:
    """No part of it is published, as far as the provider says."""
    if standing.targets:
        return all(target.state is State.FAILED and not target.url for target in standing.targets)
    return standing.state is State.FAILED


def _has_failed(standing: Report) -> bool:
    return standing.state in FALLEN_SHORT or any(target.state in FALLEN_SHORT for target in standing.targets)


GENERATIONS = 5
"""Whatever the rules say, a post is created anew so often, and not more, with those that took its place."""


def is_doubtful(claimed: Claimed, *, knows_key: bool) -> bool:
    """Whether an earlier attempt may have created a post, and another one would create it twice."""
    new_key = claimed.attempt == 1  # with something before it, it does another action's work once more
    return claimed.previous in DOUBTFUL and (new_key or not knows_key)


def too_many(claimed: Claimed) -> Discard | None:
    """The end of a line of posts in which each was created because the one before it failed."""
    if claimed.generation <= GENERATIONS:
        return None
    detail = f"it is the {claimed.generation}th post in a row that took the place of another"
    return Discard(Reason.NOT_RETRYABLE, detail)


async def create_anew(client: Publisher, claimed: Claimed, post: str, *, knows_key: bool) -> Outcome:
    """Ask how the old post stands and what it is made of, and create it anew if all of it has failed."""
    if is_doubtful(claimed, knows_key=knows_key) or claimed.other == "unknown":
        return Unknown(Reason.LOST, TWICE)
    if refused := too_many(claimed):
        return refused
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
    return await create_once(client, draft.body, claimed.idempotency_key, knows_key=knows_key)


async def create_once(client: Publisher, body: Mapping[str, Any], key: str, *, knows_key: bool) -> Outcome:
    """Create the post; after an answer that was lost nobody knows, unless the key keeps it from being created twice."""
    reply = await client.create_post(body, key)
    if reply.value is not None:
        return Done(f"continued as {reply.value}", Reason.RECREATED, reply.exchange, continued_as=reply.value)
    if reply.reason not in PASSING:
        return Discard(reply.reason, reply.detail, reply.exchange)
    if not reply.sent or reply.status in UNTAKEN or knows_key:
        return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
    return Unknown(reply.reason, reply.detail, reply.exchange)


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
    elif claimed.previous in DOUBTFUL or claimed.other == "unknown":
        return Unknown(Reason.LOST, "an earlier attempt may have been heard, and the provider cannot be asked")
    return await heard(client, post, await client.retry_post(post, claimed.idempotency_key), is_at_it)


def _impossible(client: Publisher, provider: str) -> Discard:
    if client.can("get") or client.can("create"):
        detail = f'it has no call to retry a post, and providers.{provider}.retry is not "create"'
        return Discard(Reason.NOT_RETRYABLE, detail)
    return Discard(Reason.NOT_CONFIGURED, f"providers.{provider} has no call to retry a post, or no key")


async def heard(
    client: Publisher, post: str, reply: Reply[bool], is_so: Callable[[Report], bool], *, gone: bool = False
) -> Outcome:
    """What follows from the reply to a change; where it was lost, from how the post stands: whether it `is_so`.

    `gone` says that it is so too where the provider knows no such post any more.
    """
    if reply.reason is Reason.OK:
        return Done(exchange=reply.exchange)
    if reply.reason not in PASSING:
        return Discard(reply.reason, reply.detail, reply.exchange)
    if not reply.sent or reply.status in UNTAKEN:
        return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
    if not client.can("get"):
        return Unknown(reply.reason, reply.detail, reply.exchange)
    asked = await client.get_post(post)
    if asked.reason in IS_GONE and not gone:
        return unanswered(asked)
    if asked.reason in IS_GONE or (asked.value and is_so(asked.value)):
        detail = "its answer was lost, but the provider has taken it"
        return Done(detail, exchange=reply.exchange, learned=asked.value, gone=asked.value is None)
    return Retry(reply.reason, reply.retry_after, reply.detail, reply.exchange)
