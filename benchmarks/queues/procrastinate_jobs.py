"""Jobs that do nothing, by Procrastinate: `python -m benchmarks.queues.procrastinate_jobs COUNT`."""

from __future__ import annotations

import asyncio
import os
import sys

import procrastinate
import uvloop

from benchmarks.turns import done, go, rounds

CONCURRENCY = 32
CONNECTIONS = 10
PER_CALL = 500

sent: list[str] = []
app = procrastinate.App(connector=procrastinate.PsycopgConnector(min_size=2, max_size=CONNECTIONS))


@app.task(queue="sends")
async def send(post: str) -> None:
    """The call that a job would make."""
    sent.append(post)


async def main(count: int) -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for number in rounds():
            for begin in range(0, count, PER_CALL):
                posts = range(begin, min(begin + PER_CALL, count))
                await send.batch_defer_async(*({"post": f"p{number}-{n}"} for n in posts))
            await app.connector.execute_query_async("analyze")
            go()
            await app.run_worker_async(
                queues=["sends"], concurrency=CONCURRENCY, wait=False, listen_notify=False,
                install_signal_handlers=False,
            )  # fmt: skip
            assert len(sent) == count * (number + 1)
            done(count)


if __name__ == "__main__":
    os.environ.setdefault("PGAPPNAME", "procrastinate")
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(int(sys.argv[1])))
