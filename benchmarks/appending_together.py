"""Events appended by many at once: `python -m benchmarks.appending_together DSN COUNT CONNECTIONS`.

Two connections each are a process of their own, as far as Postgres can tell: what they tell others of, they tell apart.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from benchmarks.stories import webhooks
from benchmarks.turns import done, go, rounds
from tracker.runtime import tuning
from tracker.store.database import Database
from tracker.store.log.event_log import append

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.log.event_log import Incoming

PER_COMMIT = 10
OF_ONE_PROCESS = 2


async def run(dsn: str, count: int, connections: int) -> None:
    async with AsyncExitStack() as stack:
        each = max(1, connections // OF_ONE_PROCESS)
        databases = [await stack.enter_async_context(Database.open(dsn, size=2 * OF_ONE_PROCESS)) for _ in range(each)]
        mine = [databases[number % each] for number in range(connections)]
        for number in rounds():
            events = list(webhooks(count, number))
            shares = [events[place::connections] for place in range(connections)]
            go()
            await asyncio.gather(*(_append_all(*both) for both in zip(mine, shares, strict=True)))
            done(count)


async def _append_all(database: Database, events: Sequence[Incoming]) -> None:
    async with database.connection() as conn:
        for begin in range(0, len(events), PER_COMMIT):
            await append(conn, events[begin : begin + PER_COMMIT])


if __name__ == "__main__":
    tuning.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
