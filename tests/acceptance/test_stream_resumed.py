"""The stream is cut off and resumed at every turn, here and at another process, under writers that commit late."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.contract.serving import bearer
from tests.contract.streaming import first_id, listen, record, streaming
from tests.integration.corridor import READERS
from tests.integration.told import NOON
from tests.processing import a_processor
from tracker.store.database import Database, set_codecs
from tracker.store.log.event_log import ensure_day
from tracker.store.wakeups import Wakeups
from tracker.stream.broadcast import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

pytestmark = pytest.mark.anyio

WRITERS, TRANSACTIONS, LISTENERS = 8, 40, 6


@asynccontextmanager
async def processing(database: Database) -> AsyncIterator[None]:
    """What is told is what has been folded."""
    node = await a_processor(database, READERS)
    async with Wakeups(database.dsn).listening() as wakeups:
        running = asyncio.create_task(node.run(wakeups))
        yield
        running.cancel()


async def write(url: str, numbers: count[int], chance: random.Random, kept: list[int]) -> None:
    """Transactions of some changes each, that stay open for a while; one of ten is taken back."""
    conn = await asyncpg.connect(url)
    await set_codecs(conn)
    for _ in range(TRANSACTIONS):
        mine = [next(numbers) for _ in range(chance.randint(1, 4))]
        transaction = conn.transaction()
        await transaction.start()
        await record(conn, *mine)
        await conn.execute("select pg_sleep($1)", chance.random() * 0.03)
        if chance.random() < 0.1:
            await transaction.rollback()
        else:
            await transaction.commit()
            kept += mine
    await conn.close()


async def follow(
    clients: list[httpx2.AsyncClient], begin: str, chance: random.Random, got: list[int], until: asyncio.Event
) -> None:
    """Hear a few events, hang up, and go on at any of the processes, until a last event has come."""
    last = begin
    while not until.is_set():
        patience = chance.randint(1, 25)
        async with aclosing(listen(chance.choice(clients), last)) as heard:
            async for one in heard:
                last = one.id
                if one.data:
                    got.append(int(one.data["post"][1:]))
                    patience -= 1
                if one.data and one.data["post"] == "p0":
                    until.set()
                if not patience or until.is_set():
                    break


async def test_whoever_resumes_misses_nothing_and_gets_nothing_twice(database: Database, database_url: str) -> None:
    """A transaction that stays open all the time is told when it commits, and one that is slow stalls nobody."""
    numbers, kept = count(2), list[int]()
    headers = await bearer(database, "read")
    async with database.connection() as conn:
        await ensure_day(conn, NOON.date())
    held = await asyncpg.connect(database_url)
    await set_codecs(held)
    async with (
        processing(database),
        streaming(database, Limits(pace=0.01)) as here,
        streaming(database, Limits(pace=0.03)) as there,
    ):
        clients = [here, there]
        for client in clients:
            client.headers |= headers
        begin = await first_id(here)
        transaction = held.transaction()
        await transaction.start()
        await record(held, 1)
        got: list[list[int]] = [[] for _ in range(LISTENERS)]
        following = [
            asyncio.create_task(follow(clients, begin, random.Random(n), mine, asyncio.Event()))
            for n, mine in enumerate(got)
        ]
        await asyncio.gather(*(write(database_url, numbers, random.Random(100 + n), kept) for n in range(WRITERS)))
        await transaction.commit()
        async with database.connection() as conn:
            await record(conn, 0)
        await asyncio.gather(*following)
    await held.close()
    assert len(kept) > WRITERS * TRANSACTIONS
    for mine in got:
        assert sorted(mine) == sorted([0, 1, *kept])
    assert got[0] != sorted(got[0])
