"""A kind of provider, as data: what its documentation says, and, marked as assumed, what it leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.providers.mapping.fields import NOWHERE, FieldPath, assumed, documented

if TYPE_CHECKING:
    from tracker.domain.accounts import AccountState
    from tracker.domain.posts.event import State
    from tracker.providers.call import Call
    from tracker.providers.handshake import Handshake
    from tracker.providers.mapping.targets import Form
    from tracker.providers.signature import Scheme


WHOLE, PART = "whole", "part"
"""What a list of targets is of its post."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Events that are built otherwise than the rest: how their names begin, and the places that differ."""

    events: tuple[str, ...]
    places: Mapping[str, FieldPath]
    form: Form = "list"
    lists: FieldPath = field(default=documented(PART))


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """What one sort of provider is like; every part of it can be put right in [providers.<name>].

    `scheme` None is a provider without webhooks; `doubts` says in words what of it is assumed. `delivery` is the
    header with the delivery's id. `unnamed` is the name of events that bear none. Events whose names begin with one of
    `about_posts` must name a post, others may only `anywhere`.
    `places` are paths into webhooks; `answers` into an answer of the API: what tells of a post stands in the post
    itself, the rest (`item`, `items`, `next`, `webhooks` and what tells of the usage) begins at the answer's root.
    `form` is how targets are told, `answer_form` in answers; `lists` says whether they are the whole of the post's or a
    part, and `answer_lists` in answers. A status that means None is known and tells nothing. `ends` are events that
    come only at an end, though their names do not say which. `gone` is what it answers about a post that is no more.
    `nothing_asks`: a delivery without content, as `[]`, means that something has happened, and that it is to be asked.
    What an account's status means, or else the name of an event about it, stands in `account_states`.
    `retryable` are words that tell whether another try can help. `auth` is the header that carries the key, and
    `headers` are others that go with every call.
    `event_header` and `post_header` tell what the body does not; `handshake` is what is asked before anything is sent.
    `webhook_events` are the names for which a webhook can be registered; `post` says where the parts of a new post
    stand in the call that creates it.
    """

    name: str
    title: str
    scheme: Scheme | None
    doubts: str = ""
    delivery: FieldPath = NOWHERE
    unnamed: str = ""
    about_posts: tuple[str, ...] = ("post.",)
    anywhere: bool = False
    places: Mapping[str, FieldPath] = field(default_factory=dict)
    form: Form = "list"
    lists: FieldPath = field(default=assumed(PART))
    ends: tuple[str, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=dict)
    answers: Mapping[str, FieldPath] = field(default_factory=dict)
    answer_form: Form = "list"
    answer_lists: FieldPath = field(default=assumed(PART))
    nothing_asks: bool = False
    gone: FieldPath = field(default=assumed("404"))
    documented_statuses: Mapping[str, State | None] = field(default_factory=dict)
    assumed_statuses: Mapping[str, State | None] = field(default_factory=dict)
    documented_events: Mapping[str, State] = field(default_factory=dict)
    assumed_events: Mapping[str, State] = field(default_factory=dict)
    documented_account_states: Mapping[str, AccountState | None] = field(default_factory=dict)
    assumed_account_states: Mapping[str, AccountState | None] = field(default_factory=dict)
    retryable: Mapping[str, bool] = field(default_factory=dict)
    calls: Mapping[str, Call] = field(default_factory=dict)
    auth: FieldPath = field(default=assumed("Authorization: Bearer {key}"))
    headers: Mapping[str, FieldPath] = field(default_factory=dict)
    webhook_events: tuple[str, ...] = ()
    post: Mapping[str, FieldPath] = field(default_factory=dict)
    event_header: str = ""
    post_header: str = ""
    handshake: Handshake | None = None

    @property
    def events(self) -> dict[str, State]:
        """What its events say of a post, by their names."""
        return {**self.assumed_events, **self.documented_events}

    @property
    def account_states(self) -> dict[str, AccountState | None]:
        """What statuses of accounts, and names of events about them, mean."""
        return {**self.assumed_account_states, **self.documented_account_states}

    @property
    def statuses(self) -> dict[str, State | None]:
        """What its statuses mean."""
        return {**self.assumed_statuses, **self.documented_statuses}
