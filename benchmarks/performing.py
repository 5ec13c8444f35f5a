"""Actions that do nothing, performed: `python -m benchmarks.performing worker|loop DSN COUNT [FIRST ROUND]`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from benchmarks.turns import done, go, rounds
from tracker.domain.action import ActionSpec, Done
from tracker.domain.memory import Asked
from tracker.settings import Settings
from tracker.store import actions
from tracker.store.database import Database
from tracker.store.wakeups import Wakeups
from tracker.telemetry import configure_logging
from tracker.worker import Capacity, Worker

if TYPE_CHECKING:
    from tracker.domain.action import Claimed, Outcome

TARGETS = 50
PER_COMMIT = 500

PLAIN_JOBS = """
create table plain_jobs (
  id bigint primary key, payload jsonb not null, state text not null default 'pending', finished_at timestamptz
);
create index plain_jobs_pending on plain_jobs (id) where state = 'pending'
"""
FILL = "insert into plain_jobs (id, payload) select n, '{}' from generate_series($1::bigint, $2::bigint) n"
ONE = """
update plain_jobs set state = 'done', finished_at = now()
 where id = (select id from plain_jobs where state = 'pending' order by id limit 1 for update skip locked)
returning id
"""


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


async def by_worker(dsn: str, count: int, first: int) -> None:
    """Claimed, attempted and recorded as `tracker serve` does it with its default settings."""
    engine = Settings().engine
    capacity = Capacity(actions=engine.actions, lease=engine.lease, poll=engine.poll)
    async with Database.open(dsn) as database, Wakeups(dsn).listening() as wakeups:
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


async def by_loop(dsn: str, count: int, first: int) -> None:
    """The simplest that survives a crash: one statement takes a job and ends it."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(PLAIN_JOBS)
    for number in rounds(first):
        await connection.execute(FILL, number * count + 1, (number + 1) * count)
        await connection.execute("analyze plain_jobs")
        go()
        while await connection.fetchval(ONE):
            pass
        done(count)


async def _intend(database: Database, count: int, number: int) -> None:
    for begin in range(0, count, PER_COMMIT):
        asked = [_asked(number * count + n) for n in range(begin, min(begin + PER_COMMIT, count))]
        async with database.transaction() as conn:
            await actions.intend(conn, asked, now())
    async with database.connection() as conn:
        await conn.execute("analyze actions")


def _asked(n: int) -> Asked:
    spec = ActionSpec("send", f"sink-{n % TARGETS}", {"event": "post.published"}, f"key-{n}", now())
    return Asked(spec, "benchmark", "1", uuid4(), "sosyalkopru", f"post_{n:013d}")


async def _until_recorded(database: Database) -> None:
    async with database.connection() as conn:
        while await conn.fetchval("select exists (select from actions where state <> 'done')"):
            await asyncio.sleep(0.01)


def main() -> None:
    how, dsn, *numbers = sys.argv[1:]
    count, first = map(int, (*numbers, "0")[:2])
    configure_logging("json", "error")
    asyncio.run({"worker": by_worker, "loop": by_loop}[how](dsn, count, first))


if __name__ == "__main__":
    main()
