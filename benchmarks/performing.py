"""Actions that do nothing, performed: `python -m benchmarks.performing worker|loop|queue DSN COUNT [FIRST ROUND]`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from benchmarks.plain_jobs import by_loop, by_queue
from benchmarks.turns import done, go, rounds
from tracker.act.worker import Capacity, Worker
from tracker.domain.actions import ActionSpec, Done
from tracker.domain.payloads import SendPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.runtime import tuning
from tracker.runtime.telemetry import configure_logging
from tracker.settings import Settings
from tracker.store.actions import actions
from tracker.store.database import Database
from tracker.store.wakeups import Wakeups

if TYPE_CHECKING:
    from tracker.domain.actions import Claimed, Outcome

TARGETS = 50
PER_COMMIT = 500


def now() -> datetime:
    return datetime.now(UTC)


class Nothing:
    """Performs by doing nothing, and knows when it has done it often enough."""

    def __init__(self, count: int) -> None:
        self._left, self.is_over = count, asyncio.Event()

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        self._left -= 1
        if not self._left:
            self.is_over.set()
        return Done()


async def by_worker(database: Database, count: int, first: int) -> None:
    """Claimed, attempted and recorded as `tracker serve` does it with its default settings."""
    engine = Settings().engine
    capacity = Capacity(actions=engine.actions, lease=engine.lease, poll=engine.poll)
    async with Wakeups(database.dsn).listening() as wakeups:
        for number in rounds(first):
            await _intend(database, count, number)
            nothing = Nothing(count)
            worker = Worker(database, {"send": nothing}, "benchmark", now, capacity)
            go()
            working = asyncio.create_task(worker.run(wakeups))
            await nothing.is_over.wait()
            await _until_recorded(database)
            done(count)
            working.cancel()


async def _intend(database: Database, count: int, number: int) -> None:
    for begin in range(0, count, PER_COMMIT):
        asked = [_asked(number * count + n) for n in range(begin, min(begin + PER_COMMIT, count))]
        async with database.transaction() as conn:
            await actions.intend(conn, asked, now())
    async with database.connection() as conn:
        await conn.execute("analyze actions")


def _asked(n: int) -> ActionRequest:
    spec = ActionSpec("send", f"sink-{n % TARGETS}", SendPayload(event="post.published"), f"key-{n}", now())
    return ActionRequest(spec, "benchmark", "1", uuid4(), "sosyalkopru", f"post_{n:013d}")


async def _until_recorded(database: Database) -> None:
    async with database.connection() as conn:
        while await conn.fetchval("select exists (select from actions where state in ('pending', 'claimed'))"):
            await asyncio.sleep(0.01)


async def run(how: str, dsn: str, count: int, first: int) -> None:
    async with Database.open(dsn) as database:
        if how == "worker":
            await by_worker(database, count, first)
        else:
            await {"loop": by_loop, "queue": by_queue}[how](database, count)


def main() -> None:
    how, dsn, *numbers = sys.argv[1:]
    count, first = map(int, (*numbers, "0")[:2])
    configure_logging("json", "error")
    tuning.run(run(how, dsn, count, first))


if __name__ == "__main__":
    main()
