"""Jobs that do nothing, by PgQueuer: `python -m benchmarks.queues.pgqueuer_jobs COUNT`."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer import AsyncpgPoolDriver, Job, Queries, QueueManager
from pgqueuer.domain.types import QueueExecutionMode

from benchmarks.turns import done, go, rounds

BATCH = 100
CONNECTIONS = 10
PER_CALL = 500


def a_manager(queries: Queries) -> tuple[QueueManager, list[Job]]:
    """It ends when its queue is empty; the list fills with what it performed."""
    manager, sent = QueueManager(queries), list[Job]()

    @manager.entrypoint("send")
    async def send(job: Job) -> None:
        sent.append(job)

    return manager, sent


async def main(count: int) -> None:
    async with asyncpg.create_pool(min_size=2, max_size=CONNECTIONS) as pool:
        queries = Queries(AsyncpgPoolDriver(pool))
        await queries.install()
        for _ in rounds():
            for begin in range(0, count, PER_CALL):
                size = min(PER_CALL, count - begin)
                await queries.enqueue(["send"] * size, [b"p%d" % (begin + n) for n in range(size)], [0] * size)
            await pool.execute("analyze")
            manager, sent = a_manager(queries)
            go()
            await manager.run(dequeue_timeout=timedelta(seconds=1), batch_size=BATCH, mode=QueueExecutionMode.drain)
            assert len(sent) == count
            done(count)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(int(sys.argv[1])))
