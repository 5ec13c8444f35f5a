"""How a post stands by its provider's own word, in a webhook or in an answer of its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from tracker.domain.posts.event import Problem, State, TargetFact
from tracker.domain.posts.value import value


@value(frozen=True, slots=True)
class Report:
    """What was said; None for what was not.

    `raw_status` is the provider's own word for the state; `updated_at` is when the post last changed, where it says so.
    """

    state: State | None = None
    raw_status: str | None = None
    targets: tuple[TargetFact, ...] = ()
    problem: Problem | None = None
    scheduled_at: datetime | None = None
    attempt: int | None = None
    updated_at: datetime | None = None
    excerpt: str | None = None
    thumbnail: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@value(frozen=True, slots=True)
class Draft:
    """A post that could be created, in its provider's words; `missing` is the place that is empty, if one is."""

    body: Mapping[str, Any]
    missing: str = ""


@value(frozen=True, slots=True)
class Shown:
    """How a post stands, and what could be created in its place."""

    report: Report
    draft: Draft
