"""What the corridor asks of a provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from tracker.domain.posts.event import Fact, LoggedEvent


class Reading(Struct, frozen=True):
    """A delivery as far as the door must understand it; `posts` has at least one entry, None for nothing in particular.

    `delivery` is the sender's own id of it, `headers` are those worth keeping: what was signed can be verified again.
    """

    kind: str
    posts: tuple[str | None, ...]
    occurred_at: datetime | None = None
    delivery: str | None = None
    headers: Mapping[str, str] = {}


class FactReader(Protocol):
    """Who can say what an event of the log means."""

    def facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        """What the event says, in neutral words; raises ValueError when its body cannot be understood."""


class Provider(FactReader, Protocol):
    """One configured provider. Header names are in lower case."""

    @property
    def secret_headers(self) -> frozenset[str]:
        """The headers that are the secret itself, and must not be kept."""

    @property
    def takes_path(self) -> bool:
        """Whether the secret may be the end of the address."""

    @property
    def signs_target(self) -> bool:
        """Whether the address is part of what is signed, and so worth keeping."""

    @property
    def handshake(self) -> object | None:
        """What it asks before it sends anything; None where it asks nothing."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime, path: str = "", target: str = "") -> None:
        """Raises Rejected (signature_missing, _malformed, _wrong or _stale) when the sender is not who it says.

        `path` is what follows the provider's name in the address, and `target` the whole of what was asked for.
        """

    def greeted(self, query: str) -> str | None:
        """The answer to a GET; None where it is not one that we answer. Raises Rejected for a wrong token."""

    def challenged(self, body: bytes) -> str | dict[str, str] | None:
        """The answer to an authentic delivery that only asks whether we are there, a text or a table; else None."""

    def read(self, headers: Mapping[str, str], body: bytes) -> Reading:
        """What the delivery is about; raises Rejected.

        Its codes are not_json, no_event, bad_event, no_post, bad_post and too_many_posts.
        """

    def is_reason_to_ask(self, body: bytes) -> bool:
        """Whether a delivery that could not be read says by itself that the provider is to be asked."""
