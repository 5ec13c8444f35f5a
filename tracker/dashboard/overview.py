"""The overview: how many posts are in which state, what is stuck, what waits for a person, and what happened last."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.rendering import Visit
from tracker.dashboard.visitor import Clock
from tracker.domain.event import State
from tracker.domain.lifecycle import UNFINISHED
from tracker.domain.post import Post
from tracker.store import action_reports, health_reports, post_reports
from tracker.store.database import Connection, Database, Row

STUCK_FOR = "15m"
STUCK_AFTER = timedelta(minutes=15)
SHOWN = 8
SILENT_AFTER = timedelta(seconds=60)
NEEDS_SOMEBODY = ("dead", "unknown")

IN_ORDER = (
    State.PUBLISHED, State.PARTIAL, State.FAILED, State.RETRYING, State.PUBLISHING, State.SCHEDULED,
    State.AWAITING_APPROVAL, State.DRAFT, State.CANCELLED, State.REMOVED, State.UNKNOWN,
)  # fmt: skip
"""From what is done over what is under way to what is out of the way."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What one look found. `silent` are subscriptions that nobody serves."""

    states: dict[State, int]
    stuck: list[Post]
    posts: list[Post]
    actions: list[Row]
    waiting: dict[str, int]
    silent: list[str]

    @property
    def total(self) -> int:
        """All posts."""
        return sum(self.states.values())

    @property
    def bar(self) -> list[tuple[State, float, float]]:
        """For each state where its part of a bar of length 100 begins, and how long it is."""
        parts, begin = [], 0.0
        for state, number in self.states.items():
            length = 100 * number / (self.total or 1)
            parts.append((state, round(begin, 3), round(length, 3)))
            begin += length
        return parts


class Lookout:
    """Looks for everybody who has the overview open: at most once a second, however many they are."""

    def __init__(self, database: Database, clock: Clock, subscriptions: Sequence[str]) -> None:
        self._database, self._clock, self._subscriptions = database, clock, subscriptions
        self._looking = asyncio.Lock()
        self._found: Overview | None = None
        self._look_again_at = 0.0

    async def overview(self) -> Overview:
        """What it looks like; after a look that took long, the next one is put off for as long."""
        async with self._looking:
            began = time.monotonic()
            if self._found is None or began >= self._look_again_at:
                async with self._database.connection() as conn:
                    self._found = await self._look(conn)
                took = time.monotonic() - began
                self._look_again_at = time.monotonic() + max(1.0, took)
            return self._found

    async def _look(self, conn: Connection) -> Overview:
        counted = await post_reports.counts(conn)
        still = post_reports.Filters(states=sorted(UNFINISHED), still_since=self._clock() - STUCK_AFTER)
        stuck, _ = await post_reports.list_posts(conn, still, "-last_event_at", None, SHOWN)
        posts, _ = await post_reports.list_posts(conn, post_reports.Filters(), "-last_event_at", None, SHOWN)
        actions, _ = await action_reports.list_actions(conn, action_reports.Filters(), None, SHOWN)
        readers = await health_reports.readers(conn, self._subscriptions, SILENT_AFTER)
        return Overview(
            states={state: counted[state] for state in IN_ORDER if state in counted},
            stuck=stuck,
            posts=posts,
            actions=actions,
            waiting=await _waiting(conn),
            silent=[reader.name for reader in readers if reader.silent or not reader.buckets],
        )


@get("/")
async def show_overview(visit: NamedDependency[Visit], lookout: NamedDependency[Lookout]) -> Response[Any]:
    """The first page."""
    return visit.page("overview", found=await lookout.overview(), stuck_for=STUCK_FOR)


async def _waiting(conn: Connection) -> dict[str, int]:
    """How much of each kind waits for a person."""
    waiting = await action_reports.counts(conn, NEEDS_SOMEBODY)
    waiting["held"] = await health_reports.held_in_quarantine(conn)
    return {kind: number for kind, number in waiting.items() if number}
