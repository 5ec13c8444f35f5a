"""Accounts: what events, answers and our own wishes tell of them, put together in whatever order it comes.

Everything is a register that keeps the newest (or, for the platform, the first) of what was said, by the provider's
time and the fact's id. Merging is the same in any order and however often, so that batches, whole posts and rebuilds
come to the same accounts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from tracker.domain.posts.event import Fact

UNKNOWN_PLATFORM = "unknown"
KEPT_STATES = 20
"""So many of the newest words about an account's state tell since when it holds."""


class AccountState(StrEnum):
    """Whether a provider can publish on an account."""

    UNKNOWN = "unknown"
    CONNECTED = "connected"
    EXPIRED = "expired"
    DISCONNECTED = "disconnected"


class AccountFact(Struct, frozen=True, gc=False):
    """What an event says of an account; None for what it leaves out."""

    id: str
    platform: str | None = None
    name: str | None = None
    state: AccountState | None = None


class Said(Struct, frozen=True):
    """A text, and when and by which fact it was said."""

    at: datetime
    fact: str
    text: str


class Account(Struct, frozen=True):
    """An account as it is known; `states` are the newest words about its state, the newest last."""

    provider: str
    id: str
    first_platform: Said | None = None
    last_name: Said | None = None
    last_event: Said | None = None
    states: tuple[Said, ...] = ()

    @property
    def platform(self) -> str | None:
        return self.first_platform.text if self.first_platform else None

    @property
    def name(self) -> str | None:
        return self.last_name.text if self.last_name else None

    @property
    def state(self) -> AccountState:
        return AccountState(self.states[-1].text) if self.states else AccountState.UNKNOWN

    @property
    def since(self) -> datetime | None:
        """When it came into its state."""
        return self.since_in({self.state})

    def since_in(self, states: Collection[str]) -> datetime | None:
        """Since when it has been in these states, one after another; None where it is in none of them now."""
        lasting = takewhile(lambda said: said.text in states, reversed(self.states))
        return min((said.at for said in lasting), default=None)


def accounts_of(fact: Fact) -> Iterator[Account]:
    """What a fact says of accounts: of that which it is about, and of those of its targets."""
    if (said := fact.account) and said.id:
        yield Account(
            fact.provider,
            said.id,
            _said(fact, said.platform) if said.platform != UNKNOWN_PLATFORM else None,
            _said(fact, said.name),
            _said(fact, fact.event),
            (Said(fact.occurred_at, fact.id, str(said.state)),) if said.state else (),
        )
    for target in fact.targets:
        if target.account:
            platform = target.platform if target.platform != UNKNOWN_PLATFORM else None
            yield Account(fact.provider, target.account, _said(fact, platform), _said(fact, target.account_name))


def merged(one: Account, other: Account) -> Account:
    """What both say of the same account."""
    if not other.states and other.last_name is None and other.last_event is None and one.first_platform:
        platform = _first(one.first_platform, other.first_platform)
        if platform is one.first_platform:
            return one
    states = one.states
    if other.states:
        states = tuple(sorted({*one.states, *other.states}, key=_order)[-KEPT_STATES:])
    return Account(
        one.provider,
        one.id,
        _first(one.first_platform, other.first_platform),
        _last(one.last_name, other.last_name),
        _last(one.last_event, other.last_event),
        states,
    )


def gathered(
    facts: Iterable[Fact], known: dict[tuple[str, str], Account] | None = None
) -> dict[tuple[str, str], Account]:
    """All accounts of which the facts say something, put together with what is `known`, by provider and id."""
    found = {} if known is None else known
    for fact in facts:
        if fact.account is None and not any(target.account for target in fact.targets):
            continue
        for account in accounts_of(fact):
            key = (account.provider, account.id)
            found[key] = merged(found[key], account) if key in found else account
    return found


def _said(fact: Fact, text: str | None) -> Said | None:
    return Said(fact.occurred_at, fact.id, text) if text else None


def _order(said: Said) -> tuple[datetime, str, str]:
    return said.at, said.fact, said.text


def _first(one: Said | None, other: Said | None) -> Said | None:
    if one is None or other is None:
        return one or other
    return other if _order(other) < _order(one) else one


def _last(one: Said | None, other: Said | None) -> Said | None:
    if one is None or other is None:
        return one or other
    return other if _order(other) > _order(one) else one
