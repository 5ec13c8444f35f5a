"""What the overview finds: counts by state, what needs attention, what failed or is stuck, and what came last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.dashboard import stats
from tracker.dashboard.cached import Cached
from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.queries import actions, health
from tracker.queries.posts import NEWEST_FIRST, PostQuery, count_by_state, page_of_posts

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.dashboard.rule_trouble import RuleTrouble, Troubled
    from tracker.dashboard.session import Clock
    from tracker.dashboard.stats import Stats
    from tracker.queries.actions import ActionOut
    from tracker.queries.health import Parked
    from tracker.store.database import Connection, Database

STUCK_FOR, STUCK_AFTER = "15m", timedelta(minutes=15)
LATELY_FOR, LATELY = "24h", timedelta(hours=24)
SILENT_AFTER = timedelta(seconds=60)
COUNT_EVERY, REST = 10.0, 20.0
"""Seconds; and for how many times as long as counting took it is not done again."""

SHOWN = 8
MOST_PARKED = 100
NEEDS_SOMEBODY = ("dead", "unknown")
WENT_WRONG = (State.FAILED, State.PARTIAL)

IN_ORDER = (
    State.PUBLISHED, State.PARTIAL, State.FAILED, State.RETRYING, State.PUBLISHING, State.SCHEDULED,
    State.AWAITING_APPROVAL, State.DRAFT, State.CANCELLED, State.REMOVED, State.UNKNOWN,
)  # fmt: skip
"""From what is done over what is under way to what is out of the way."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found.

    `silent` are subscriptions that nobody serves, `rules` what is wrong with rule files, `parked` the errors of what
    was set aside, `waiting` how many actions and deliveries wait for a person, by kind.
    """

    failed: list[Post]
    stuck: list[Post]
    posts: list[Post]
    actions: list[ActionOut]
    waiting: dict[str, int]
    silent: list[str]
    parked: list[Parked]
    rules: RuleTrouble

    @property
    def attention(self) -> int:
        """How many things need somebody."""
        return sum(self.waiting.values()) + len(self.silent) + len(self.parked) + self.rules.number


@dataclass(frozen=True, slots=True)
class Overview:
    """How many posts are in each state, the figures of a day, and what was seen."""

    states: dict[State, int]
    figures: Stats
    seen: Seen

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


class OverviewData:
    """Looks for everybody who has the overview open."""

    def __init__(self, database: Database, clock: Clock, subscriptions: Sequence[str], troubled: Troubled) -> None:
        self._clock, self._subscriptions, self._troubled = clock, subscriptions, troubled
        self._glance = Cached(database, self._look, 1.0)
        self._counts = Cached(database, count_by_state, 1.0, REST)
        self._figures = Cached(database, self._count, COUNT_EVERY, REST)

    async def overview(self) -> Overview:
        """What it looks like, not longer than a moment ago; what takes long to count, a while ago."""
        counted, of_the_day = await self._counts.found(), await self._figures.found()
        states = {state: counted[state] for state in IN_ORDER if state in counted}
        return Overview(states, of_the_day, await self._glance.found())

    async def _count(self, conn: Connection) -> Stats:
        return await stats.load_stats(conn, self._clock())

    async def _look(self, conn: Connection) -> Seen:
        now = self._clock()
        readers = await health.readers(conn, self._subscriptions, SILENT_AFTER)
        return Seen(
            failed=await _went_wrong(conn, now - LATELY),
            stuck=await _newest(conn, still_since=now - STUCK_AFTER),
            posts=await _newest(conn),
            actions=(await actions.list_actions(conn, actions.ActionQuery(), None, SHOWN)).items,
            waiting=await waiting(conn),
            silent=[reader.name for reader in readers if reader.silent or not reader.buckets],
            parked=await health.parked(conn, MOST_PARKED),
            rules=self._troubled(),
        )


async def _newest(
    conn: Connection,
    states: Sequence[str] = (),
    since: datetime | None = None,
    still_since: datetime | None = None,
) -> list[Post]:
    query = PostQuery(states=states, since=since, still_since=still_since)
    posts, _ = await page_of_posts(conn, query, NEWEST_FIRST, None, SHOWN)
    return posts


async def _went_wrong(conn: Connection, since: datetime) -> list[Post]:
    """State by state, because each of them alone is read from an index in the right order."""
    found = [post for state in WENT_WRONG for post in await _newest(conn, [state], since)]
    return sorted(found, key=lambda post: (post.last_event_at or since, post.id), reverse=True)[:SHOWN]


async def waiting(conn: Connection) -> dict[str, int]:
    """How much of each kind waits for a person."""
    waiting = await actions.count_by_state(conn, NEEDS_SOMEBODY)
    waiting["held"] = await health.held_in_quarantine(conn)
    return {kind: number for kind, number in waiting.items() if number}
