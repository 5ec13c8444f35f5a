"""How long a backtest takes: `python -m benchmarks.backtest [--events N] [--posts N] [--rules N]`."""

from __future__ import annotations

import argparse
import asyncio
import resource
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from benchmarks.measuring import a_database, a_postgres, machine, spending
from tracker.domain.posts.arrival import arrive
from tracker.domain.posts.event import Fact, Problem, State, TargetFact
from tracker.domain.posts.post import Post
from tracker.process.backtest import Backtest, Span
from tracker.rulebook import load_text
from tracker.store.posts import posts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.domain.posts.change import Change
    from tracker.store.database import Database

START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=30)
FAILING = 10
"""One post of so many fails at its first try."""

STORY = (
    (State.DRAFT, 0), (State.SCHEDULED, 60), (State.PUBLISHING, 3600), (State.PUBLISHED, 3660), (None, 3840),
)  # fmt: skip
FAILED = (
    (State.SCHEDULED, 60), (State.PUBLISHING, 3600), (State.FAILED, 3660), (State.PUBLISHING, 3780),
    (State.PUBLISHED, 3840),
)  # fmt: skip
PLATFORMS = ("instagram", "x", "linkedin", "facebook", "tiktok")
PER_COPY = 5000

RULES = (
    """
[rule.retry-{n}]
on        = "post.failed"
match     = {{ platform = "{platform}" }}
when      = 'error.retryable && post.attempt < {tries}'
per       = "target"
cancel_on = ["post.published", "post.removed"]
do        = [{{ retry = "publish", tries = 3, backoff = "1m x2 max 30m" }}]
""",
    """
[rule.told-{n}]
on   = ["post.failed", "post.partial"]
when = '!error.retryable && target.account.startsWith("a{n}")'
per  = "target"
do   = [{{ alert = "ops", title = "{{{{ post.id }}}} failed" }}]
""",
    """
[rule.stuck-{n}]
while = {{ state = "publishing" }}
match = {{ platform = "{platform}" }}
for   = "15m"
do    = [{{ alert = "ops", title = "{{{{ post.id }}}} hangs", resolves = true }}]
""",
    """
[rule.late-{n}]
expect = "post.publishing"
match  = {{ platform = "{platform}" }}
within = "10m"
of     = "post.scheduled_at"
do     = [{{ alert = "ops", title = "{{{{ post.id }}}} never started" }}]
""",
    """
[rule.burst-{n}]
on    = "post.failed"
match = {{ platform = "{platform}" }}
per   = "account"
count = "> 5 in 10m"
once  = "1h"
do    = [{{ alert = "ops", title = "many" }}]
""",
)


def rule_text(rules: int) -> str:
    """So many rules of five kinds, on five platforms."""
    return "".join(
        RULES[n % len(RULES)].format(n=n, platform=PLATFORMS[n // len(RULES) % len(PLATFORMS)], tries=2 + n % 3)
        for n in range(rules)
    )


def facts(posts: int) -> Iterator[Fact]:
    """Every post goes through a story of a bit more than an hour, on two platforms; they begin evenly."""
    return merge(*(_step(posts, place) for place in range(len(STORY))), key=lambda fact: fact.received_at)


def _step(posts: int, place: int) -> Iterator[Fact]:
    for n in range(posts):
        state, seconds = (STORY if n % FAILING else FAILED)[place]
        moment = START + n * (SPAN / posts) + timedelta(seconds=seconds)
        problem = Problem("timeout", "the platform timed out", n % 3 > 0) if state is State.FAILED else None
        targets = tuple(
            TargetFact(name, account=f"a{n % 97}", state=state, problem=problem)
            for name in (PLATFORMS[n % 5], PLATFORMS[(n + 1) % 5])
        )
        yield Fact(
            f"{place}-{n}", "sosyalkopru", f"post_{n:010d}", f"post.{state or 'updated'}", "sosyalkopru", moment,
            moment, n * len(STORY) + place + 1, state=state, targets=targets, problem=problem,
            scheduled_at=moment + timedelta(hours=1) if state is State.SCHEDULED else None,
        )  # fmt: skip


async def fill(database: Database, events: int, count: int) -> None:
    """The changes that so many events make, as the processor writes them."""
    known: dict[str, Post] = {}
    page: list[Change] = []
    async with database.connection() as conn:
        for fact in islice(facts(count), events):
            post, change = arrive(known.get(fact.post or ""), fact, (), None)
            known[fact.post or ""] = post
            page.append(change)
            if len(page) == PER_COPY:
                await posts.record_changes(conn, 1, live=True, changes=page, epoch=1)
                page = []
        await posts.record_changes(conn, 1, live=True, changes=page, epoch=1)
        await conn.execute("analyze changes")


async def measure(dsn: str, events: int, count: int, rules: int) -> None:
    async with a_database(dsn) as database:
        await fill(database, events, count)
        print(f"{machine()}; {events:,} events on {count:,} posts, {rules} rules", flush=True)
        book = load_text(rule_text(rules))
        assert not book.faults, book.faults
        with spending() as spent:
            found = await Backtest(database).run(book.index, Span(START, START + 2 * SPAN))
        print(f"backtest   {spent.wall:.1f} s   {spent.per(events)}")
        print(f"{sum(len(one.would) for one in found.rules):,} firings", end="; ")
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB at most, with the filling")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--rules", type=int, default=50)
    args = parser.parse_args()
    with a_postgres() as dsn:
        asyncio.run(measure(dsn, args.events, args.posts, args.rules))


if __name__ == "__main__":
    main()
