"""A delivery, or an answer, and what is to be understood of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ARRIVAL = datetime(2026, 11, 20, 12, tzinfo=UTC)

DELIVERED = {
    "published": "published",
    "failed": "failed",
    "partial": "one target published, one not, whatever it calls that",
    "disagreement": "an event's name that contradicts the body",
    "no ids": "no id of the post",
    "no zone": "a time without a zone",
    "several": "a delivery about several posts, or a list for a body",
    "unknown event": "an event that nobody has heard of",
    "unknown status": "a status that nobody has heard of",
    "test": "a test of the webhook",
    "no post": "an event about something that is no post",
}

ANSWERED = {
    "answer": "how its API tells of a post",
    "list": "how its API lists posts",
}

CASES = DELIVERED | ANSWERED
"""What each kind shows by a shape of its own, or says why it cannot."""


@dataclass(frozen=True, slots=True)
class Told:
    """One post, as it stands after the delivery: its state, and those of its targets by key.

    Where `urls` (by the target's key) and `due` are given, they are held to as well.
    """

    post: str
    state: str
    targets: Mapping[str, str] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """By what a post is recognised, what accounts are called, and id, platform, name and state of one told alone."""

    excerpt: str | None = None
    thumbnail: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    account: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """`body` is JSON by its value, and `then` are bodies that come after it, about the same post.

    `at` is when it happened, `notes` are the codes of what is odd about it, and `remarks` those of what could not be
    read as it should be.

    `code` is why it is not taken; `settings` are put into the provider's section. `error` is the code and the message
    of the post's first problem, and whether another try can help. `next` is where a list goes on, `seen` what is told
    beside states, `items` the names of the things that the targets are about.
    """

    body: Any
    event: str = ""
    told: tuple[Told, ...] = ()
    at: datetime = ARRIVAL
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    code: str = ""
    error: tuple[str, str, bool | None] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    then: tuple[Any, ...] = ()
    next: str | None = None
    items: tuple[str | None, ...] | None = None
    seen: Seen | None = None
