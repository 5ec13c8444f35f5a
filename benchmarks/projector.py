"""How fast the log becomes posts: `python -m benchmarks.projector [--events N] [--posts N]`."""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from resource import RUSAGE_CHILDREN, getrusage
from typing import TYPE_CHECKING

from benchmarks.measuring import Spent, a_database, a_postgres, machine, spending
from tracker import projector
from tracker.domain.event import bucket_of
from tracker.garbage import collected_seldom
from tracker.projector import Projector
from tracker.providers import build_providers, fact_readers
from tracker.rebuild import Rebuild
from tracker.settings import Settings
from tracker.store import subscriptions
from tracker.store.event_log import Incoming, append
from tracker.store.feed import EVENTS
from tracker.store.snapshot import beginning
from tracker.store.wakeups import EVENTS as CHANNEL
from tracker.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.store.database import Database

START = datetime(2026, 11, 1, tzinfo=UTC)
STORY = ("SCHEDULED", "PUBLISHING", "FAILED", "PUBLISHING", "PUBLISHED")
PER_COMMIT = 500


def webhooks(events: int, posts: int) -> Iterator[Incoming]:
    """Every post goes through the same story, interleaved with all the others, on two platforms."""
    for n in range(events):
        post, step = f"post_{n % posts:013d}", n // posts
        status = STORY[step % len(STORY)]
        moment = START + timedelta(milliseconds=n)
        platforms = [{"platform": p, "status": status, "platformPostUrl": None} for p in ("instagram", "x")]
        data = {"postId": post, "status": status, "platforms": platforms}
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = json.dumps({"event": f"post.{status.lower()}", "timestamp": stamp, "data": data}).encode()
        yield Incoming(
            "sosyalkopru", "sosyalkopru", f"d{n}", sha256(body).digest(), f"post.{status.lower()}", post,
            bucket_of("sosyalkopru", post), START, body, {"x-sosyalkopru-delivery": f"d{n}"}, moment,
        )  # fmt: skip


async def fill(database: Database, events: int, posts: int) -> None:
    batch: list[Incoming] = []
    async with database.connection() as conn:
        for event in webhooks(events, posts):
            batch.append(event)
            if len(batch) == PER_COMMIT:
                await append(conn, batch)
                batch = []
        if batch:
            await append(conn, batch)


@contextmanager
def spending_together() -> Iterator[Spent]:
    """Measures the block, and with it the processes of ours that begin and end in it."""
    before = getrusage(RUSAGE_CHILDREN)
    with spending() as spent:
        yield spent
    after = getrusage(RUSAGE_CHILDREN)
    spent.ours += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def measure(dsn: str, events: int, posts: int) -> None:
    providers = {"sosyalkopru": {"kind": "sosyalkopru", "api_url": "http://127.0.0.1", "webhook_secrets": ["-"]}}
    readers = fact_readers(build_providers(Settings.model_validate({"providers": providers})))
    async with a_database(dsn) as database:
        with spending() as appending:
            await fill(database, events, posts)
        async with database.transaction() as conn:
            await subscriptions.create(conn, projector.NAME, beginning(1))
        node = Subscription(projector.NAME, EVENTS, CHANNEL, Projector(readers), database, "bench", lambda: START)
        await node.tend()
        with spending() as projecting:
            await node.drain()
        with spending_together() as rebuilding:
            difference = await Rebuild(database, readers, lambda: START, lambda _done, _total: None).run()
        assert difference.none, "a rebuild must say the same"
    print(f"{machine()}; {events:,} events on {posts:,} posts")
    print(f"append, {PER_COMMIT} a commit   {appending.per(events)}")
    print(f"project, live         {projecting.per(events)}")
    print(f"rebuild               {rebuilding.per(events)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--posts", type=int, default=200_000)
    args = parser.parse_args()
    with a_postgres() as dsn, collected_seldom():
        asyncio.run(measure(dsn, args.events, args.posts))


if __name__ == "__main__":
    main()
