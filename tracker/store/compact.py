"""A post as it is kept with each change: without what is empty."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tracker.domain.change import PostView
from tracker.domain.event import Problem, State


class CompactTarget(msgspec.Struct, omit_defaults=True):
    """As TargetView."""

    key: str
    platform: str
    account: str | None
    ordinal: int
    state: State
    attempt: int
    entered_at: datetime | None = None
    url: str | None = None
    problem: Problem | None = None


class CompactPost(msgspec.Struct, omit_defaults=True):
    """As PostView."""

    id: str
    provider: str
    state: State
    attempt: int
    platforms: tuple[str, ...] = ()
    entered_at: datetime | None = None
    scheduled_at: datetime | None = None
    published_at: datetime | None = None
    failed_at: datetime | None = None
    last_event_at: datetime | None = None
    problem: Problem | None = None
    urls: tuple[str, ...] = ()
    targets: tuple[CompactTarget, ...] = ()
    labels: dict[str, str] = {}


def compact(view: PostView) -> CompactPost:
    """What is read back as the same view."""
    return CompactPost(
        view.id, view.provider, view.state, view.attempt, view.platforms, view.entered_at, view.scheduled_at,
        view.published_at, view.failed_at, view.last_event_at, view.problem, view.urls,
        tuple([
            CompactTarget(t.key, t.platform, t.account, t.ordinal, t.state, t.attempt, t.entered_at, t.url, t.problem)
            for t in view.targets
        ]),
        view.labels,
    )  # fmt: skip
