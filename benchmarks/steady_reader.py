"""Transactions that stay open and hold back vacuum, one after the other: `... steady_reader DSN SECONDS`."""

from __future__ import annotations

import asyncio
import sys

import asyncpg


async def run(dsn: str, seconds: float) -> None:
    connection = await asyncpg.connect(dsn)
    while True:
        async with connection.transaction(isolation="repeatable_read"):
            await connection.fetchval("select pg_current_xact_id()")
            await connection.fetchval("select count(*) from subscriptions")
            await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], float(sys.argv[2])))
