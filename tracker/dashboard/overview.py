"""The overview: how the posts are, and what needs somebody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.figures import Stats, load_stats
from tracker.dashboard.installation import Installation
from tracker.dashboard.session import Db, Here
from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.queries import actions, health, rule_status
from tracker.queries.accounts import names_in, names_of
from tracker.queries.causes import list_causes
from tracker.queries.checkup import MOST_PARKED, NEEDS_SOMEBODY, waiting
from tracker.queries.post_counts import count_by_state, list_choices
from tracker.queries.post_filters import PostQuery
from tracker.queries.posts import NEWEST_FIRST, page_of_posts, titles_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from tracker.dashboard.rules import RuleTrouble, Troubled
    from tracker.dashboard.session import Clock
    from tracker.queries.actions import ActionOut
    from tracker.queries.causes import CausesOut
    from tracker.queries.health import Parked
    from tracker.queries.posts import Title
    from tracker.queries.rule_status import HeldRule
    from tracker.store.database import Connection, Database

Found = TypeVar("Found")


class Cached(Generic[Found]):
    """Looks at most once in `pause` seconds, and rests for `rest` times as long as the look took, if that is more."""

    def __init__(
        self, database: Database, look: Callable[[Connection], Awaitable[Found]], pause: float, rest: float = 1.0
    ) -> None:
        self._database, self._look, self._pause, self._rest = database, look, pause, rest
        self._looking = asyncio.Lock()
        self._found: Found | None = None
        self._look_again_at = 0.0

    async def found(self) -> Found:
        """What was found just now, or a moment ago."""
        async with self._looking:
            began = time.monotonic()
            if self._found is None or began >= self._look_again_at:
                async with self._database.connection() as conn:
                    self._found = await self._look(conn)
                took = time.monotonic() - began
                self._look_again_at = time.monotonic() + max(self._pause, self._rest * took)
            return self._found


STUCK_FOR, STUCK_AFTER = "15m", timedelta(minutes=15)
LATELY_FOR, LATELY = "24h", timedelta(hours=24)
COUNT_EVERY, CHOICES_EVERY, ATTENTION_EVERY, REST = 10.0, 60.0, 2.0, 20.0
"""Seconds; and for how many times as long as counting took it is not done again."""

SHOWN = 8
WENT_WRONG = (State.FAILED, State.PARTIAL)

IN_ORDER = (
    State.PUBLISHED, State.PARTIAL, State.FAILED, State.RETRYING, State.PUBLISHING, State.SCHEDULED,
    State.AWAITING_APPROVAL, State.DRAFT, State.CANCELLED, State.REMOVED, State.UNKNOWN,
)  # fmt: skip
"""From what is done over what is under way to what is out of the way."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found.

    `titles` are of the posts that actions are about, `called` the names of accounts by provider and id, `silent` are
    subscriptions that nobody serves, `rules` what is wrong with rule files, `parked` the errors of what
    was set aside, `waiting` how many actions and deliveries wait for a person, by kind.
    """

    failed: list[Post]
    stuck: list[Post]
    posts: list[Post]
    actions: list[ActionOut]
    titles: Mapping[tuple[str, str], Title]
    called: Mapping[str, Mapping[str, str]]
    waiting: dict[str, int]
    silent: list[str]
    parked: list[Parked]
    rules: RuleTrouble
    held: list[HeldRule]

    @property
    def attention(self) -> int:
        """How many things need somebody."""
        return sum(self.waiting.values()) + len(self.silent) + len(self.parked) + self.rules.number + len(self.held)


@dataclass(frozen=True, slots=True)
class Overview:
    """How many posts are in each state, the figures of a day, why posts failed in it, and what was seen."""

    states: dict[State, int]
    figures: Stats
    causes: CausesOut
    seen: Seen

    @property
    def total(self) -> int:
        """How many posts there are in all."""
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

    def __init__(
        self, database: Database, clock: Clock, subscriptions: Sequence[str], troubled: Troubled, known: Installation
    ) -> None:
        self._clock, self._subscriptions, self._troubled = clock, subscriptions, troubled
        self._silence = known.settings.engine.silence
        self._glance = Cached(database, self._look, 1.0)
        self._counts = Cached(database, count_by_state, 1.0, REST)
        self._figures = Cached(database, lambda conn: load_stats(conn, clock()), COUNT_EVERY, REST)
        self._causes = Cached(database, lambda conn: list_causes(conn, PostQuery(), clock()), COUNT_EVERY, REST)
        self._choices = Cached(database, _choices, CHOICES_EVERY, REST)
        self._attention = Cached(database, self._needing, ATTENTION_EVERY, REST)

    async def attention(self) -> dict[str, int]:
        """How many things need somebody, by the page that shows them, as of a moment ago."""
        return await self._attention.found()

    async def _needing(self, conn: Connection) -> dict[str, int]:
        kinds = await waiting(conn)
        return {
            "actions": sum(kinds.get(kind, 0) for kind in NEEDS_SOMEBODY),
            "quarantine": kinds.get("held", 0),
            "rules": len(self._troubled().faults),
            "health": len(await self._silent(conn)) + len(await health.parked(conn, MOST_PARKED)),
        }

    async def _silent(self, conn: Connection) -> list[str]:
        readers = await health.readers(conn, self._subscriptions, self._silence)
        return [reader.name for reader in readers if reader.fault]

    async def states(self) -> dict[State, int]:
        """How many posts are in each state, as of a while ago where counting takes long."""
        counted = await self._counts.found()
        return {state: counted[state] for state in IN_ORDER if state in counted}

    async def choices(self) -> Choices:
        """Values to choose from, as of a minute ago."""
        return await self._choices.found()

    async def overview(self) -> Overview:
        """What it looks like, not longer than a moment ago; what takes long to count, a while ago."""
        figures, causes = await self._figures.found(), await self._causes.found()
        return Overview(await self.states(), figures, causes, await self._glance.found())

    async def _look(self, conn: Connection) -> Seen:
        now = self._clock()
        failed, posts = await _went_wrong(conn, now - LATELY), await _newest(conn, PostQuery())
        lately = (await actions.list_actions(conn, actions.ActionQuery(), None, SHOWN)).items
        return Seen(
            failed=failed,
            stuck=await _newest(conn, PostQuery(still_since=now - STUCK_AFTER)),
            posts=posts,
            actions=lately,
            titles=await titles_of(conn, [(action.provider, action.post) for action in lately]),
            called=await names_in(conn, [*failed, *posts]),
            waiting=await waiting(conn),
            silent=await self._silent(conn),
            parked=await health.parked(conn, MOST_PARKED),
            rules=self._troubled(),
            held=await rule_status.held_rules(conn, now),
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """Values to choose from by the name of their filter, and what accounts are called."""

    values: Mapping[str, Sequence[str]]
    called: Mapping[str, str]


async def _choices(conn: Connection) -> Choices:
    values = await list_choices(conn)
    named = await names_of(conn, set(product(values["provider"], values["account"])))
    return Choices(values, {account: name for (_, account), name in named.items()})


async def _newest(conn: Connection, query: PostQuery) -> list[Post]:
    posts, _ = await page_of_posts(conn, query, NEWEST_FIRST, None, SHOWN)
    return posts


async def _went_wrong(conn: Connection, since: datetime) -> list[Post]:
    """State by state, because each of them alone is read from an index in the right order."""
    posts = [post for state in WENT_WRONG for post in await _newest(conn, PostQuery([state], since=since))]
    return sorted(posts, key=lambda post: (post.last_event_at or since, post.id), reverse=True)[:SHOWN]


@get("/")
async def show_overview(
    visit: Here, database: Db, lookout: NamedDependency[OverviewData], installation: NamedDependency[Installation]
) -> Response[Any]:
    """The first page; before there is a post, what is left to do until there is one."""
    found = await lookout.overview()
    steps = None
    if not found.total:
        async with database.connection() as conn:
            steps = await first_steps(conn, installation, str(visit.request.base_url))
    return visit.page(
        "overview", found=found, titles=found.seen.titles, called=found.seen.called,
        account_names=(await lookout.choices()).called, stuck_for=STUCK_FOR, lately_for=LATELY_FOR,
        went_wrong=WENT_WRONG, steps=steps, most_parked=MOST_PARKED,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The addresses of the doors, by provider, and how far it has come: has anything knocked, has one been let in."""

    doors: Sequence[tuple[str, str]]
    knocked: bool
    seen: bool

    @property
    def done(self) -> dict[str, bool]:
        """Which of the steps are done; the last one never is, for then nobody asks."""
        return {"provider": bool(self.doors), "address": self.knocked, "test": self.seen, "post": False}


async def first_steps(conn: Connection, installation: Installation, base_url: str) -> FirstSteps:
    """Where an installation without a post stands; `base_url` is where it is reached if nobody has said otherwise."""
    base = (installation.settings.server.public_url or base_url).rstrip("/")
    names = sorted(installation.doors)
    seen, knocked = await health.arrivals(conn, names)
    return FirstSteps([(name, f"{base}/webhooks/{name}") for name in names], knocked, seen)
