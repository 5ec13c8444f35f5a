"""Days of the past, one of which is dropped every minute: `python -m benchmarks.steady_days DSN DAYS SECONDS`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from benchmarks.processing import a_processor, readers
from benchmarks.stories import append_all, webhooks
from tracker.errors import Unavailable
from tracker.process import retention
from tracker.store.database import Database

NEWEST = 10
"""Days between now and the newest of them."""
PER_DAY = 2000
PER_COMMIT = 500


async def fill_days(dsn: str, days: int) -> None:
    """Each with events of posts of its own."""
    now = datetime.now(UTC)
    async with Database.open(dsn, size=1) as database, database.connection() as conn:
        for number in range(days):
            at = now - timedelta(days=NEWEST + number)
            events = (replace(event, received_at=at, occurred_at=at) for event in webhooks(PER_DAY, number))
            await append_all(conn, events, PER_COMMIT)
    await _as_if_read(dsn)


async def _as_if_read(dsn: str) -> None:
    """The posts of those days are there, and nobody reacts to what is so old."""
    async with Database.open(dsn, size=2) as database:
        node = await a_processor(database)
        await node.drain()
        await node.leave()


async def drop(dsn: str, days: int, seconds: float) -> None:
    """The oldest first, as the scheduler does it; what is in use is left for the next time."""
    async with Database.open(dsn, size=2) as database:
        for number in range(days):
            await asyncio.sleep(seconds)
            now = datetime.now(UTC)
            keep = timedelta(days=NEWEST + days - number - 2)
            await retention.seal_past_days(database, now)
            with suppress(Unavailable):
                await retention.drop_old_days(database, readers(), now, keep)


if __name__ == "__main__":
    asyncio.run(drop(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
