"""An immutable fact: what somebody told us about a post, in neutral words; and a post as its provider reports it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zlib import crc32

from msgspec import Struct, field

from tracker.domain.accounts import AccountFact

BUCKETS = 16

OWN_SOURCES = frozenset({"action", "manual", "rule", "signal"})
"""Facts about what we did ourselves: kept and shown, but not a sign of life from the provider."""

UNKNOWN_PLATFORM = "unknown"
"""The platform of targets of which nobody has told it."""

EXACT = timedelta(0)
MICROSECOND = timedelta(microseconds=1)


class State(StrEnum):
    """The neutral states, in the order in which equal moments are told apart."""

    UNKNOWN = "unknown"
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    RETRYING = "retrying"
    PUBLISHING = "publishing"
    PARTIAL = "partial"
    FAILED = "failed"
    PUBLISHED = "published"
    CANCELLED = "cancelled"
    REMOVED = "removed"

    __hash__ = str.__hash__  # Enum's own is written in Python, and states are looked up all the time


RANK = {state: rank for rank, state in enumerate(State)}


class Problem(Struct, frozen=True, gc=False):
    """Why something failed; `retryable` is None where the provider does not say."""

    code: str
    message: str = ""
    retryable: bool | None = None


class TargetFact(Struct, frozen=True, gc=False):
    """One platform's part of a fact; without an account, `ordinal` counts (from 1) among equal platforms.

    `item` tells several things apart that one account posts.
    """

    platform: str
    account: str | None = None
    ordinal: int = 1
    state: State | None = None
    raw_status: str | None = None
    url: str | None = None
    problem: Problem | None = None
    item: str | None = None
    account_name: str | None = None

    @property
    def key(self) -> str:
        """What it is called here: `platform:account`, `platform:account/item`, or `platform#ordinal`."""
        if not self.account:
            return f"{self.platform}#{self.ordinal}"
        return f"{self.platform}:{self.account}/{self.item}" if self.item else f"{self.platform}:{self.account}"


class Fact(Struct, frozen=True):
    """One thing said about one post.

    `id` is made from the signed bytes, so it is the same in whatever order or under whatever delivery id
    they arrive. `position` is where the log keeps it. `attempt` is set only where the sender numbers attempts.

    `lists_whole`: its targets are all that the post has. `ends_by_name`: the event's own name is an end, of the whole
    post or, if it has no `state`, of its targets. `remarks` are codes and texts of what could not be read well.

    `occurred_at` is the provider's time in units of `unit` if it is `dated`, and otherwise its arrival. A time `ahead`
    of the arrival counts as the arrival.
    """

    id: str
    provider: str
    post: str | None
    event: str
    source: str
    occurred_at: datetime
    received_at: datetime
    position: int
    state: State | None = None
    raw_status: str | None = None
    targets: tuple[TargetFact, ...] = ()
    problem: Problem | None = None
    scheduled_at: datetime | None = None
    attempt: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    lists_whole: bool = False
    remarks: tuple[tuple[str, str], ...] = ()
    ends_by_name: bool = False
    dated: bool = True
    unit: timedelta = EXACT
    ahead: timedelta = EXACT
    excerpt: str | None = None
    thumbnail: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    account: AccountFact | None = None

    @property
    def order(self) -> tuple[datetime, int, str]:
        """Where the fact stands in its post's history, whatever the order of arrival.

        That is when it can have happened, how far along its most advanced part is, and its id. A time told to the
        second stands for the end of it, and nothing happens after it has arrived.
        """
        when = self.occurred_at
        if self.unit:
            when = min(when + self.unit - MICROSECOND, max(when, self.received_at))
        rank = RANK[self.state] if self.state else 0
        for word in self.targets:
            if word.state and RANK[word.state] > rank:
                rank = RANK[word.state]
        return (when, rank, self.id)

    @property
    def is_silent(self) -> bool:
        """Whether it is one of ours that says nothing of the post, as that an action has ended.

        Such a fact is kept and shown, but has no place in the order of those that make the post what it is.
        """
        return self.source in OWN_SOURCES and not (
            self.state or self.raw_status or self.targets or self.attempt or self.labels or self.attributes
            or self.problem or self.scheduled_at or self.excerpt or self.thumbnail or self.remarks
        )  # fmt: skip

    @property
    def told_at(self) -> datetime:
        """The time by the clock of the one who told it."""
        return self.occurred_at + self.ahead if self.ahead else self.occurred_at


def dated(told: datetime | None, received_at: datetime) -> tuple[datetime, bool, timedelta]:
    """When a fact counts as having happened, whether that was told, and how far its time was ahead of its arrival."""
    if told is None:
        return received_at, False, EXACT
    return (told, True, EXACT) if told <= received_at else (received_at, True, told - received_at)


class LoggedEvent(Struct, frozen=True, gc=False):
    """A row of the event log as its readers get it: the raw body, and where and when it was kept."""

    position: int
    bucket: int
    source: str
    provider: str
    kind: str
    post: str | None
    part: int
    occurred_at: datetime | None
    received_at: datetime
    body_hash: bytes
    body: bytes

    @property
    def fact_id(self) -> str:
        """Made from what was signed, so that it is the same under any delivery id and in any order."""
        return f"{self.body_hash.hex()}.{self.part}"


def bucket_of(provider: str, post: str | None) -> int:
    """The shard that owns a post: stable over processes and releases."""
    return crc32(f"{provider}/{post or ''}".encode()) % BUCKETS


class Report(Struct, frozen=True):
    """What was said; None for what was not.

    `raw_status` is the provider's own word for the state; `updated_at` is when the post last changed, where it says so.
    `lists_whole`: its targets are all that the post has. `remarks` are codes and texts of what could not be read well.
    `ends_by_name`: the name of the event is an end, of the whole post or, if it has no `state`, of its targets.
    """

    state: State | None = None
    raw_status: str | None = None
    targets: tuple[TargetFact, ...] = ()
    problem: Problem | None = None
    scheduled_at: datetime | None = None
    attempt: int | None = None
    updated_at: datetime | None = None
    lists_whole: bool = False
    remarks: tuple[tuple[str, str], ...] = ()
    ends_by_name: bool = False
    excerpt: str | None = None
    thumbnail: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


class Draft(Struct, frozen=True):
    """A post that could be created, in its provider's words; `missing` is the place that is empty, if one is."""

    body: Mapping[str, Any]
    missing: str = ""


class Shown(Struct, frozen=True):
    """How a post stands, and what could be created in its place."""

    report: Report
    draft: Draft
