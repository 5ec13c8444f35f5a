"""A mapping tried on the past: the posts of the last days folded anew, and how they would stand otherwise.

It reads in pages of posts and keeps only what differs, up to a bound; where there are many posts, several processes
share them. Nothing is written.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tracker.domain.posts.change import TargetView
from tracker.domain.posts.event import Problem
from tracker.domain.posts.post import Post, fold, view
from tracker.errors import Unavailable
from tracker.process.bulk_fold import ends_with_parent, workers
from tracker.process.processor import NAME as PROCESSOR
from tracker.process.projector import facts_of
from tracker.runtime import tuning
from tracker.runtime.tuning import collected_seldom
from tracker.store.checkpoints import subscriptions
from tracker.store.database import Database
from tracker.store.log import look_back
from tracker.store.posts import posts
from tracker.store.posts import tried as store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from tracker.domain.posts.event import Fact
    from tracker.providers.base import FactReader
    from tracker.store.database import Connection

PAGE = 200
SHARE = 5000
"""So many posts are worth a process."""

MOST_TOLD = 1000
"""So many differences are kept in memory."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A provider's posts of a span, by the readers of each source as they are to be."""

    provider: str
    readers: Mapping[str, FactReader]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Stand:
    """How a post stands, as far as a mapping decides that."""

    state: str
    attempt: int
    scheduled_at: datetime | None
    published_at: datetime | None
    failed_at: datetime | None
    problem: Problem | None
    targets: tuple[TargetView, ...]


@dataclass(frozen=True, slots=True)
class Differing:
    """A post that would stand otherwise; None: it is not, or could not be read."""

    post: str
    before: Stand | None
    after: Stand | None


@dataclass(slots=True)
class Outcome:
    """What a trial came to: posts that were folded, those that would stand otherwise, and those beyond reading."""

    posts: int = 0
    same: int = 0
    differing: list[Differing] = field(default_factory=list)
    further: int = 0
    unreadable: int = 0
    error: str = ""

    @property
    def different(self) -> int:
        """How many would stand otherwise, also those that are not told one by one."""
        return len(self.differing) + self.further

    def add(self, other: Outcome) -> None:
        """What another process came to, too."""
        room = MOST_TOLD - len(self.differing)
        self.posts, self.same = self.posts + other.posts, self.same + other.same
        self.further += other.further + max(0, len(other.differing) - room)
        self.differing += other.differing[:room]
        self.unreadable += other.unreadable
        self.error = self.error or other.error


async def as_far_as_folded(database: Database, now: datetime) -> datetime:
    """Up to when the log is in the posts as they stand: what came later is left out of a trial."""
    async with database.connection() as conn:
        upto = await subscriptions.caught_up_everywhere(conn, PROCESSOR)
    return min(upto, now) if upto else now


async def attempt(
    database: Database, tried: Tried, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Outcome:
    """Fold them all; raises Unavailable where a process that folds is lost."""
    async with database.connection() as conn:
        number = await store.count(conn, tried.provider, tried.since)
        processes = min(workers(), number // SHARE + 1)
        cuts = await store.cuts(conn, tried.provider, tried.since, number, processes) if processes > 1 else []
    spans = list(pairwise(["", *cuts, None]))
    outcome = Outcome()
    async for part in _parts(database, tried, spans):
        outcome.add(part)
        progress(outcome.posts, number)
    outcome.differing.sort(key=lambda one: one.post)
    return outcome


async def _parts(
    database: Database, tried: Tried, spans: Sequence[tuple[str | None, str | None]]
) -> AsyncIterator[Outcome]:
    if len(spans) == 1:
        async with database.snapshot(unhurried=True) as conn:
            async for page in _pages(conn, tried, "", None):
                yield page
        return
    pool = ProcessPoolExecutor(len(spans), get_context("spawn"), ends_with_parent)
    loop = asyncio.get_running_loop()
    try:
        apart = [loop.run_in_executor(pool, _apart, database.dsn, tried, first or "", end) for first, end in spans]
        for part in asyncio.as_completed(apart):
            yield await part
    except BrokenProcessPool as error:
        await asyncio.gather(*apart, return_exceptions=True)
        raise Unavailable("a process that folded has ended before its time: try again") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _apart(dsn: str, tried: Tried, first: str, end: str | None) -> Outcome:
    async def work() -> Outcome:
        outcome = Outcome()
        async with Database.open(dsn, size=2) as database, database.snapshot(unhurried=True) as conn:
            async for page in _pages(conn, tried, first, end):
                outcome.add(page)
        return outcome

    with collected_seldom():
        return tuning.run(work())


async def _pages(conn: Connection, tried: Tried, first: str, end: str | None) -> AsyncIterator[Outcome]:
    """Posts in the order of their ids, from `first` on and before `end`."""
    version, after = await posts.current_projection(conn), ""
    while names := await store.posts_after(conn, tried.provider, tried.since, max(first, after), after, end, PAGE):
        yield await _page(conn, tried, version, names)
        after = names[-1]


async def _page(conn: Connection, tried: Tried, version: int, names: Sequence[str]) -> Outcome:
    keys = [(tried.provider, name) for name in names]
    standing = (await posts.standing(conn, version, keys)).posts
    starts = await posts.baselines(conn, keys)
    facts: dict[str, list[Fact]] = defaultdict(list)
    outcome, broken = Outcome(len(names)), set()
    for event in await look_back.of_posts(conn, keys):
        if event.received_at > tried.until:
            continue
        try:
            for fact in facts_of(tried.readers, event):
                facts[fact.post or ""].append(fact)
        except (ValueError, LookupError) as error:
            broken.add(event.post)
            outcome.error = outcome.error or f"{event.kind} at {event.position}: {error}"
    for key in keys:
        name = key[1]
        if name in broken:
            outcome.unreadable += 1
            continue
        before = stand(standing[key].post) if key in standing else None
        start = starts.get(key)
        after = stand(fold(*key, facts[name], start).post) if facts[name] or start else None
        if before == after:
            outcome.same += 1
        else:
            outcome.differing.append(Differing(name, before, after))
    return outcome


def stand(post: Post) -> Stand:
    """How it stands."""
    seen = view(post)
    return Stand(
        str(seen.state), seen.attempt, seen.scheduled_at, seen.published_at, seen.failed_at, seen.problem,
        tuple(sorted(seen.targets, key=lambda one: one.key)),
    )  # fmt: skip
