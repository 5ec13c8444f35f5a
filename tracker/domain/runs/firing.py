"""Firings: what a rule made of a cause, kept so that it happens once and can be explained."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

Identity = tuple[str, str, str]


class Outcome(StrEnum):
    """What became of a firing: a run began, an active one heard of it, it waits its turn, or nothing was done."""

    FIRED = "fired"
    JOINED = "joined"
    QUEUED = "queued"
    COUNTED = "counted"
    SUPPRESSED = "suppressed"
    ERROR = "error"


ROW_ENDED = "a post was published, so the row begins anew"
"""The detail of a firing that is none: what was counted in a row before it counts no more."""

ACTED = frozenset({Outcome.FIRED, Outcome.JOINED, Outcome.QUEUED})


class Firing(Struct, frozen=True):
    """What a rule made of a cause, decided `at` (by the log); what it is about was true at `occurred_at`."""

    rule: str
    key: str
    cause: str
    revision: str
    outcome: Outcome
    detail: str | None
    provider: str
    post: str | None
    run: UUID | None
    at: datetime
    occurred_at: datetime

    @property
    def identity(self) -> Identity:
        """What is unique about the firing: rule, key and cause."""
        return (self.rule, self.key, self.cause)
