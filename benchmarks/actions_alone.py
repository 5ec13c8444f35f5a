"""What an action costs whose target takes no time: `python -m benchmarks.actions_alone [--actions N] [--targets N]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
import uvloop

from benchmarks.measuring import a_database, a_postgres, machine, spending
from tracker.domain.action import ActionSpec, Done
from tracker.domain.memory import Asked
from tracker.store import actions
from tracker.store.wakeups import Wakeups
from tracker.worker import Worker

if TYPE_CHECKING:
    from tracker.domain.action import Claimed, Outcome
    from tracker.store.database import Database

PER_COMMIT = 1000
UNDER_WAY = "select exists (select from actions where state in ('pending', 'claimed'))"


class Nothing:
    """Does nothing, at once; knows when it has done it so often."""

    def __init__(self, wanted: int) -> None:
        self.left, self.done = wanted, asyncio.Event()

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        self.left -= 1
        if not self.left:
            self.done.set()
        return Done()


def now() -> datetime:
    return datetime.now(UTC)


async def intend(database: Database, count: int, targets: int) -> None:
    message = {"event": "post.published", "data": {"post": "x" * 50}}
    for first in range(0, count, PER_COMMIT):
        asked = [
            Asked(
                ActionSpec("send", f"target {n % targets}", message, str(uuid4()), now()),
                "rule", "1", uuid4(), "provider", f"post {n}",
            )
            for n in range(first, min(first + PER_COMMIT, count))
        ]  # fmt: skip
        async with database.transaction() as conn:
            await actions.intend(conn, asked, now())


async def perform(dsn: str, count: int, targets: int) -> None:
    async with a_database(dsn) as database, Wakeups(dsn).listening() as wakeups:
        await intend(database, count, targets)
        nothing = Nothing(count)
        with spending() as spent:
            working = asyncio.create_task(Worker(database, {"send": nothing}, "node", now).run(wakeups))
            await nothing.done.wait()
            async with database.connection() as conn:
                while await conn.fetchval(UNDER_WAY):
                    await asyncio.sleep(0.01)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        print(f"{count:,} actions, {targets} targets  {spent.per(count)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=20_000)
    parser.add_argument("--targets", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(machine())
    with a_postgres() as dsn:
        uvloop.run(perform(dsn, options.actions, options.targets))


if __name__ == "__main__":
    main()
