"""Faults in Postgres itself: sessions ended, tables locked, transactions that stay open, writes refused."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.acceptance.chaos.plan import Step
    from tests.acceptance.chaos.scenes import Scene

TERMINATE = """
select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
"""


@asynccontextmanager
async def a_session(scene: Scene) -> AsyncIterator[asyncpg.Connection]:
    """One of our own, which does not pass through the network that is hurt."""
    session = await asyncpg.connect(scene.dsn, timeout=30)
    try:
        yield session
    finally:
        session.terminate()


@asynccontextmanager
async def terminate_backends(scene: Scene, step: Step) -> AsyncIterator[None]:
    """An administrator ends every session."""
    async with a_session(scene) as session:
        await session.execute(TERMINATE)
    yield


@asynccontextmanager
async def open_transaction(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Somebody's transaction, with an id, stays open: it may neither hold up the readers nor hide anything."""
    async with a_session(scene) as session:
        await session.execute("begin; select pg_current_xact_id()")
        yield


@asynccontextmanager
async def lock_log(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Nobody can append, and nobody is told why."""
    async with a_session(scene) as session:
        await session.execute("begin; lock table deliveries in exclusive mode")
        yield


@asynccontextmanager
async def read_only(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Everything can be read and nothing written, as on a standby."""
    await _configure(scene, "alter system set default_transaction_read_only = on")
    yield
    await _configure(scene, "alter system reset default_transaction_read_only")


async def _configure(scene: Scene, statement: str) -> None:
    async with a_session(scene) as session:
        await session.execute("set default_transaction_read_only = off")
        await session.execute(statement)
        await session.execute("select pg_reload_conf()")


@asynccontextmanager
async def kill_postmaster(scene: Scene, step: Step) -> AsyncIterator[None]:
    """kill -9 of the first process of a Postgres that is not ours to revive; whoever does that does it."""
    server = scene.server
    assert server is not None
    os.kill(int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    scene.hang_up()
    yield
    await until(server.has_ended, "the end of the first process is known")
    server.launch(server.clear())
