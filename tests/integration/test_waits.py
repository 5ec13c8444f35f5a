"""No wait on Postgres is without an end, and none is cut short that Postgres still works at."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.acceptance.tcp_proxy import a_proxy
from tests.waiting import until
from tracker.errors import Unavailable
from tracker.store import lifeline, session
from tracker.store.database import Database
from tracker.store.session import Bounds, Session, connect

if TYPE_CHECKING:
    from tracker.store.database import Connection

pytestmark = pytest.mark.anyio

LONG = "select pg_sleep(3600)"
BACKENDS = "select pid from pg_stat_activity where pid = any($1)"
PATIENCE = 30


async def _pid(conn: Connection) -> int:
    pid: int = await conn.fetchval("select pg_backend_pid()")
    return pid


async def _until_gone(dsn: str, pid: int) -> None:
    """Until the server has no such process."""
    watching = await asyncpg.connect(dsn)

    async def is_gone() -> bool:
        return not await watching.fetch(BACKENDS, [pid])

    await until(is_gone, f"process {pid} is gone", PATIENCE)
    await watching.close()


async def test_what_the_server_works_at_is_waited_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "LOOK", 0.05)
    monkeypatch.setattr(lifeline, "OVERDUE", 0.05)
    async with Database.open(database.dsn, size=2) as impatient, impatient.transaction() as conn:
        assert await conn.fetchval("select 'done' from pg_sleep(1)") == "done"


async def test_an_answer_that_is_lost_is_given_up_and_the_locks_of_its_transaction_are_free(database_url: str) -> None:
    async with a_proxy(database_url) as proxy, Database.open(proxy.dsn, size=4) as database:

        async def lose() -> None:
            async with database.transaction() as conn:
                await conn.execute("lock table deliveries")
                pids.append(await _pid(conn))
                proxy.forget()
                await conn.execute("select 1")

        pids: list[int] = []
        with pytest.raises(Unavailable):
            await asyncio.wait_for(lose(), PATIENCE)
        async with asyncio.timeout(PATIENCE), database.transaction() as conn:
            await conn.execute("lock table deliveries")
        await _until_gone(database_url, pids[0])


async def test_connections_that_nobody_uses_are_given_up_with_the_one_that_is_found_lost(database_url: str) -> None:
    """Or each of them would be met once, and waited for."""
    async with a_proxy(database_url) as proxy, Database.open(proxy.dsn, size=20) as database:
        opened = asyncio.Barrier(10)

        async def use() -> None:
            async with database.transaction() as conn:
                await conn.execute("select 1")
                await opened.wait()

        await asyncio.gather(*(use() for _ in range(10)))
        proxy.forget()
        failures = 0
        async with asyncio.timeout(PATIENCE):
            for _ in range(10):
                try:
                    async with database.transaction() as conn:
                        await conn.execute("select 1")
                except Unavailable:
                    failures += 1
        assert failures == 1


async def test_a_statement_over_its_time_ends_and_its_connection_is_ended_at_the_server_too(database_url: str) -> None:
    async with Database.open(database_url, size=2) as database:

        async def ask() -> None:
            async with database.connection() as conn:
                pids.append(await _pid(conn))
                await conn.execute(LONG, timeout=0.1)

        pids: list[int] = []
        with pytest.raises(Unavailable):
            await ask()
        await _until_gone(database_url, pids[0])
        async with database.connection() as conn:
            assert await _pid(conn) != pids[0]


async def test_the_server_ends_a_statement_before_we_hang_up(database_url: str) -> None:
    conn = await connect(database_url, Bounds(statement=1.0, lock=1.0, pause=1.0))
    with pytest.raises(asyncpg.QueryCanceledError):
        await conn.execute(LONG)
    assert await conn.fetchval("select 1") == 1
    await conn.close()


async def test_a_lock_is_not_waited_for_without_an_end(database: Database, database_url: str) -> None:
    conn = await connect(database_url, Bounds(statement=30.0, lock=0.1, pause=30.0))
    async with database.transaction() as holding:
        await holding.execute("lock table deliveries")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await conn.execute("begin; lock table deliveries")
    await conn.close()


async def test_a_cancelled_wait_hangs_up_and_stays_a_cancellation(database: Database) -> None:
    """asyncpg would ask the server to stop, and wait until it says so."""
    began = asyncio.Event()

    async def ask() -> None:
        async with database.transaction() as conn:
            began.set()
            await conn.execute(LONG)

    asking = asyncio.create_task(ask())
    await began.wait()
    async with database.connection() as conn:
        works = partial(conn.fetchval, "select count(*) from pg_stat_activity where query = $1", LONG)
        await until(works, "the server works at it", PATIENCE)
        asking.cancel()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()
        idle = partial(conn.fetchval, "select not exists (select from pg_stat_activity where query = $1)", LONG)
        await until(idle, "the server has stopped", PATIENCE)


@pytest.mark.parametrize("pool", ["asking", "working"])
async def test_the_deadlines_outlast_what_a_session_is_cleaned_of(database_url: str, pool: str) -> None:
    async with Database.open(database_url, size=2) as database:
        lent = database.connection if pool == "asking" else database.transaction
        for _ in range(2):
            async with lent() as conn:
                for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                    assert await conn.fetchval("select current_setting($1)", name) != "0", name


async def test_what_takes_long_has_more_time_here_and_there_and_only_then(database: Database) -> None:
    async with database.transaction(unhurried=True) as conn:
        assert await conn.fetchval("show statement_timeout") == "21595s"
        assert conn.itself.bounds is session.UNHURRIED
    async with database.transaction() as conn:
        assert await conn.fetchval("show statement_timeout") == "55s"
        assert conn.itself.bounds is session.WORKING


async def test_the_system_looks_after_a_tcp_connection_too(database_url: str) -> None:
    async with a_proxy(database_url) as proxy:
        conn: Session = await connect(proxy.dsn)
        door = conn._transport.get_extra_info("socket")
        assert door.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        for name, value in session.KEEPALIVE.items():
            if hasattr(socket, name):
                assert door.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
        await conn.close()
