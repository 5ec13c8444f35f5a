"""Events to fill a log with: every post goes through the same story, interleaved with all the others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING

from tracker.domain.posts.event import bucket_of
from tracker.store.log.event_log import Incoming, append

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.store.database import Connection, Database

START = datetime(2026, 11, 1, tzinfo=UTC)
STORY = ("SCHEDULED", "PUBLISHING", "FAILED", "PUBLISHING", "PUBLISHED")
STEP = timedelta(milliseconds=1)
PER_COMMIT = 500


def webhooks(events: int, number: int = 0, start: datetime = START, step: timedelta = STEP) -> Iterator[Incoming]:
    """So many, of a fifth as many posts, on two platforms each; another number brings other posts."""
    posts = max(1, events // len(STORY))
    for n in range(events):
        post, status = f"post_{number:03d}{n % posts:010d}", STORY[n // posts % len(STORY)]
        moment = start + n * step
        platforms = [{"platform": p, "status": status, "platformPostUrl": None} for p in ("instagram", "x")]
        data = {"postId": post, "status": status, "platforms": platforms}
        stamp = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = json.dumps({"event": f"post.{status.lower()}", "timestamp": stamp, "data": data}).encode()
        yield Incoming(
            "sosyalkopru", "sosyalkopru", f"d{number}-{n}", sha256(body).digest(), f"post.{status.lower()}", post,
            bucket_of("sosyalkopru", post), moment, body, {"x-sosyalkopru-delivery": f"d{number}-{n}"}, moment,
        )  # fmt: skip


async def fill(database: Database, events: int, number: int) -> None:
    """Append them, many to a commit, and let Postgres know what the tables are like."""
    async with database.connection() as conn:
        await append_all(conn, webhooks(events, number), PER_COMMIT)
        await conn.execute("analyze")


async def append_all(conn: Connection, events: Iterator[Incoming], per_commit: int) -> None:
    """By the log's own append, so many to a commit."""
    while batch := list(islice(events, per_commit)):
        await append(conn, batch)
