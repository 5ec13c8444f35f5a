"""What the overview finds: counts by state, what needs attention, what failed or is stuck, and what came last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.dashboard import figures
from tracker.domain.event import State
from tracker.domain.lifecycle import UNFINISHED
from tracker.domain.post import Post
from tracker.store import action_reports, health_reports, post_reports

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.dashboard.figures import Figures
    from tracker.dashboard.visitor import Clock
    from tracker.store.database import Connection, Database, Row

STUCK_FOR, STUCK_AFTER = "15m", timedelta(minutes=15)
LATELY_FOR, LATELY = "24h", timedelta(hours=24)
SILENT_AFTER = timedelta(seconds=60)
COUNT_EVERY = 10.0
SHOWN = 8
MOST_PARKED = 100
NEEDS_SOMEBODY = ("dead", "unknown")
WENT_WRONG = (State.FAILED, State.PARTIAL)

IN_ORDER = (
    State.PUBLISHED, State.PARTIAL, State.FAILED, State.RETRYING, State.PUBLISHING, State.SCHEDULED,
    State.AWAITING_APPROVAL, State.DRAFT, State.CANCELLED, State.REMOVED, State.UNKNOWN,
)  # fmt: skip
"""From what is done over what is under way to what is out of the way."""

Faults = Callable[[], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Overview:
    """What one look found.

    `silent` are subscriptions that nobody serves, `refused` what is wrong with rule files, `parked` the errors of what
    was set aside, `waiting` how many actions and deliveries wait for a person, by kind.
    """

    states: dict[State, int]
    failed: list[Post]
    stuck: list[Post]
    posts: list[Post]
    actions: list[Row]
    waiting: dict[str, int]
    silent: list[str]
    parked: list[Row]
    refused: list[str]
    figures: Figures

    @property
    def total(self) -> int:
        """All posts."""
        return sum(self.states.values())

    @property
    def attention(self) -> int:
        """How many things need somebody."""
        return sum(self.waiting.values()) + len(self.silent) + len(self.parked) + len(self.refused)

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

    def __init__(self, database: Database, clock: Clock, subscriptions: Sequence[str], rule_faults: Faults) -> None:
        self._database, self._clock, self._subscriptions = database, clock, subscriptions
        self._rule_faults = rule_faults
        self._looking = asyncio.Lock()
        self._found: Overview | None = None
        self._look_again_at = 0.0
        self._figures: Figures | None = None
        self._count_again_at = 0.0

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
        counted, now = await post_reports.counts(conn), self._clock()
        readers = await health_reports.readers(conn, self._subscriptions, SILENT_AFTER)
        return Overview(
            states={state: counted[state] for state in IN_ORDER if state in counted},
            failed=await _went_wrong(conn, now - LATELY),
            stuck=await _newest(conn, states=sorted(UNFINISHED), still_since=now - STUCK_AFTER),
            posts=await _newest(conn),
            actions=(await action_reports.list_actions(conn, action_reports.Filters(), None, SHOWN))[0],
            waiting=await _waiting(conn),
            silent=[reader.name for reader in readers if reader.silent or not reader.buckets],
            parked=await health_reports.parked(conn, MOST_PARKED),
            refused=[str(fault) for fault in self._rule_faults()],
            figures=await self._counted(conn, now),
        )

    async def _counted(self, conn: Connection, now: datetime) -> Figures:
        """The figures of a day are counted a few times a minute, and less often where that takes long."""
        began = time.monotonic()
        if self._figures is None or began >= self._count_again_at:
            self._figures = await figures.look(conn, now)
            took = time.monotonic() - began
            self._count_again_at = time.monotonic() + max(COUNT_EVERY, 20 * took)
        return self._figures


async def _newest(
    conn: Connection,
    states: Sequence[str] = (),
    since: datetime | None = None,
    still_since: datetime | None = None,
) -> list[Post]:
    filters = post_reports.Filters(states=states, since=since, still_since=still_since)
    posts, _ = await post_reports.list_posts(conn, filters, "-last_event_at", None, SHOWN)
    return posts


async def _went_wrong(conn: Connection, since: datetime) -> list[Post]:
    """State by state, because each of them alone is read from an index in the right order."""
    found = [post for state in WENT_WRONG for post in await _newest(conn, [state], since)]
    return sorted(found, key=lambda post: (post.last_event_at or since, post.id), reverse=True)[:SHOWN]


async def _waiting(conn: Connection) -> dict[str, int]:
    """How much of each kind waits for a person."""
    waiting = await action_reports.counts(conn, NEEDS_SOMEBODY)
    waiting["held"] = await health_reports.held_in_quarantine(conn)
    return {kind: number for kind, number in waiting.items() if number}
