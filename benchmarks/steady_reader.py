"""Transactions that stay open and hold back vacuum, one after the other: `... steady_reader DSN SECONDS`.

What they have read is closed, as it is in a backup: an open cursor would also hold the page on which it stands.
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg


async def run(dsn: str, seconds: float) -> None:
    connection = await asyncpg.connect(dsn)
    while True:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute("select pg_current_xact_id(); select count(*) from subscriptions")
            await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], float(sys.argv[2])))
