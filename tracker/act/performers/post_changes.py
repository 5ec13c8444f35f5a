"""`cancel`, `reschedule`, `delete`, `create`: a post changed at its provider, or another made of it, never on a guess.

The provider is asked first how the post stands, and after an answer that was lost it is asked again. So whatever an
earlier attempt, another rule or a person has done already is found done, and is not done twice.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tracker.act.performers.provider_actions import (
    DOUBTFUL,
    TWICE,
    create_once,
    heard,
    is_at_it,
    is_doubtful,
    purpose_of,
    too_many,
    unanswered,
)
from tracker.domain.actions import IS_GONE, Discard, Done, Reason, Unknown
from tracker.domain.payloads import ChangePayload, CreatePayload
from tracker.domain.posts.event import Draft, State
from tracker.domain.posts.target import FALLEN_SHORT
from tracker.providers.mapping.paths import parse_path, put
from tracker.providers.new_post import places_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.act.performers.provider_actions import Publisher
    from tracker.domain.actions import Claimed, Exchange, Outcome
    from tracker.domain.posts.event import Report
    from tracker.settings import Settings

AT_ONCE = timedelta(seconds=1)
"""What two tellings of one time may differ by: some providers tell no fractions."""

TAKEN_OFF = frozenset({State.CANCELLED, State.REMOVED})
NOT_BEGUN = frozenset({State.DRAFT, State.AWAITING_APPROVAL, State.SCHEDULED})


@dataclass(frozen=True, slots=True)
class ChangePost:
    """Performs `cancel`, `reschedule` and `delete` for the configured providers."""

    clients: Mapping[str, Publisher]

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Ask, then have it changed if that is still to be done."""
        client, verb, said = self.clients.get(claimed.provider), claimed.verb, claimed.payload
        if client is None or claimed.post is None or not isinstance(said, ChangePayload) or not client.can(verb):
            detail = f"providers.{claimed.provider} has no call to {verb} a post, or no key"
            return Discard(Reason.NOT_CONFIGURED, detail)
        if verb == "reschedule" and said.at is None:
            return Discard(Reason.NOT_NEEDED, "it had no time that could be moved")
        client, ends_it = client.on_behalf_of(purpose_of(claimed)), verb != "reschedule"
        if client.can("get"):
            asked = await client.get_post(claimed.post, then=1)
            if asked.reason in IS_GONE and ends_it:
                return Done("the provider knows no such post any more", Reason.NOT_NEEDED, asked.exchange, gone=True)
            if asked.value is None:
                return unanswered(asked)
            if outcome := _settled(verb, said, asked.value, asked.exchange, now):
                return outcome
        elif claimed.previous in DOUBTFUL:
            return Unknown(Reason.LOST, "an earlier attempt may have been heard, and the provider cannot be asked")
        reply = await client.change_post(verb, claimed.post, claimed.idempotency_key, said.at)
        return await heard(client, claimed.post, reply, partial(_is_so, verb, said), gone=ends_it)


def _settled(verb: str, said: ChangePayload, standing: Report, exchange: Exchange, now: datetime) -> Outcome | None:
    """What follows from how the post stands; None: it may be changed."""
    if _is_so(verb, said, standing):
        return Done(f"the provider says {standing.state}", Reason.NOT_NEEDED, exchange, standing)
    states = {standing.state, *(target.state for target in standing.targets)} - {None}
    fit = {"cancel": NOT_BEGUN, "reschedule": {State.SCHEDULED}}.get(verb)
    if fit and not (states and states <= fit):
        what = {"cancel": "what has not begun is cancelled", "reschedule": "what is scheduled is moved"}[verb]
        detail = f"only {what}, and the provider says {standing.state or 'nothing we know'}"
        return Discard(Reason.NOT_NEEDED, detail, exchange, standing)
    if said.at is None:
        return None
    if said.at <= now:
        return Discard(Reason.CONFLICT, f"the new time, {said.at:%Y-%m-%d %H:%M:%S %Z}, is over", exchange, standing)
    if standing.scheduled_at and said.was and abs(standing.scheduled_at - said.was) >= AT_ONCE:
        detail = f"it was moved meanwhile: the provider says {standing.scheduled_at:%Y-%m-%d %H:%M:%S %Z}"
        return Discard(Reason.CONFLICT, detail, exchange, standing)
    return None


def _is_so(verb: str, said: ChangePayload, standing: Report) -> bool:
    """Whether nothing is left to do."""
    if verb != "reschedule":
        return standing.state in (TAKEN_OFF if verb == "cancel" else {State.REMOVED})
    is_there = standing.scheduled_at and said.at and abs(standing.scheduled_at - said.at) < AT_ONCE
    return bool(is_there) and standing.state is State.SCHEDULED


@dataclass(frozen=True, slots=True)
class CreatePost:
    """Performs `create` for the configured providers."""

    clients: Mapping[str, Publisher]
    settings: Settings

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        """Ask what the post is made of, and create the other one, unless an earlier attempt may have done it."""
        client, said, name = self.clients.get(claimed.provider), claimed.payload, claimed.provider
        if client is None or claimed.post is None or not isinstance(said, CreatePayload) or not client.can("create"):
            return Discard(Reason.NOT_CONFIGURED, f"providers.{name} has no call to create a post, or no key")
        knows_key = self.settings.providers[name].create_honours_key
        if claimed.other == Reason.RECREATED:
            return Done("another action has had the same one created", Reason.NOT_NEEDED)
        if is_doubtful(claimed, knows_key=knows_key) or claimed.other == "unknown":
            return Unknown(Reason.LOST, TWICE)
        if refused := too_many(claimed):
            return refused
        client, draft = client.on_behalf_of(purpose_of(claimed)), Draft({})
        if client.can("get"):
            asked = await client.show_post(claimed.post, then=1)
            if asked.value is None:
                return unanswered(asked)
            standing, draft = asked.value.report, asked.value.draft
            if said.was in FALLEN_SHORT and is_at_it(standing):
                detail = f"it was {said.was} when the rule decided, and the provider says {standing.state}"
                return Discard(Reason.NOT_NEEDED, detail, asked.exchange, standing)
        if draft.missing or not (draft.body or said.text):
            where = f'there is nothing at "{draft.missing}" in the answer' if draft.missing else "is not set"
            return Discard(Reason.NOT_CONFIGURED, f"providers.{name}.recreate: {where}, and the step has no text")
        return await create_once(client, self._body(name, draft, said), claimed.idempotency_key, knows_key=knows_key)

    def _body(self, provider: str, draft: Draft, said: CreatePayload) -> dict[str, Any]:
        body: dict[str, Any] = deepcopy(dict(draft.body))
        told = {"platforms": list(said.platforms), "accounts": list(said.accounts), "text": said.text}
        for part, place in places_of(self.settings, provider).items():
            put(body, parse_path(place), told.get(part) or None)
        return body
