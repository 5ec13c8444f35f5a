"""How long a backtest takes: `python -m benchmarks.backtest [--events N] [--posts N] [--rules N]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from benchmarks.measuring import a_database, a_postgres, machine, spending
from benchmarks.processing import a_processor, readers
from benchmarks.stories import PER_COMMIT, append_all
from tracker.domain.posts.event import State, bucket_of
from tracker.process.backtest import Backtest, Span
from tracker.rulebook import load_text
from tracker.store.log.event_log import Incoming

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def webhooks(posts: int) -> Iterator[Incoming]:
    """Every post goes through a story of a bit more than an hour, on two platforms; they begin evenly."""
    return merge(*(_step(posts, place) for place in range(len(STORY))), key=lambda event: event.received_at)


def _step(posts: int, place: int) -> Iterator[Incoming]:
    for n in range(posts):
        state, seconds = (STORY if n % FAILING else FAILED)[place]
        moment, post = START + n * (SPAN / posts) + timedelta(seconds=seconds), f"post_{n:010d}"
        error = {"code": "timeout", "message": "the platform timed out", "retryable": n % 3 > 0}
        shared = {"status": state.upper() if state else None} | ({"error": error} if state is State.FAILED else {})
        targets = [
            {"platform": name, "accountId": f"a{n % 97}", "platformPostUrl": None, **shared}
            for name in (PLATFORMS[n % 5], PLATFORMS[(n + 1) % 5])
        ]
        data = {"postId": post, "platforms": targets, **shared}
        if state is State.SCHEDULED:
            data["scheduledAt"] = (moment + timedelta(hours=1)).isoformat()
        kind = f"post.{state or 'updated'}"
        body = json.dumps({"event": kind, "timestamp": moment.isoformat(), "data": data}).encode()
        yield Incoming(
            "sosyalkopru", "sosyalkopru", f"{place}-{n}", sha256(body).digest(), kind, post,
            bucket_of("sosyalkopru", post), moment, body, {}, moment,
        )  # fmt: skip


async def fill(database: Database, events: int, count: int) -> None:
    """So many events, made into posts."""
    async with database.connection() as conn:
        await append_all(conn, islice(webhooks(count), events), PER_COMMIT)
    await (await a_processor(database)).drain()
    async with database.connection() as conn:
        await conn.execute("update places set caught_up_at = $1", START + 2 * SPAN)
        await conn.execute("vacuum analyze")


async def measure(dsn: str, events: int, count: int, rules: int) -> None:
    async with a_database(dsn) as database:
        await fill(database, events, count)
        print(f"{machine()}; {events:,} events on {count:,} posts, {rules} rules", flush=True)
        book = load_text(rule_text(rules))
        assert not book.faults, book.faults
        with spending() as spent:
            found = await Backtest(database, readers()).run(book.index, Span(START, START + 2 * SPAN))
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
