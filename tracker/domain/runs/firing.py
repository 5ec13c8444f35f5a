"""Firings: what a rule made of a cause, kept so that it happens once and can be explained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

Identity = tuple[str, str, str]


class Outcome(StrEnum):
    """What became of it. A run began, an active one heard of it, it waits its turn, or nothing was done."""

    FIRED = "fired"
    JOINED = "joined"
    QUEUED = "queued"
    COUNTED = "counted"
    SUPPRESSED = "suppressed"
    ERROR = "error"


ACTED = frozenset({Outcome.FIRED, Outcome.JOINED, Outcome.QUEUED})


@dataclass(frozen=True, slots=True)
class Firing:
    """`at` is when it was decided, by the log; `occurred_at` when what it is about was true."""

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
        """What is unique about it."""
        return (self.rule, self.key, self.cause)
