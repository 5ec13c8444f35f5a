"""A real server on a free port of the loopback, and a client for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

from tests import plain_http
from tests.integration.told import NOON, PROVIDER, Reader
from tests.processing import a_processor
from tests.waiting import until
from tracker.api import Parts, application
from tracker.api.webhooks import Directly
from tracker.runtime.http_server import Bounds, Front, Limits, configured
from tracker.store import keys
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from litestar import Litestar

    from tracker.receive.receiver import Receiver
    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming


@asynccontextmanager
async def serving(app: Litestar, front: Front | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    """The application behind real HTTP; the client knows its address and carries no key."""
    server = uvicorn.Server(configured(app, front or Front(), host="127.0.0.1", port=0))
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started, "it listens")
        port = server.servers[0].sockets[0].getsockname()[1]
        async with plain_http.client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def knocking(
    database: Database,
    receiver: Receiver,
    max_body: int = 2**20,
    *,
    directly: bool = True,
    usual_way: bool = True,
    limits: Limits | None = None,
) -> AsyncIterator[httpx2.AsyncClient]:
    """A served door whose receiver writes, with both ways or one of them."""
    writing = asyncio.create_task(receiver.run())
    try:
        app = application(Parts(database, lambda: NOON, receiver if usual_way else None, max_body=max_body))
        front = Front(Bounds(limits or Limits()), direct=Directly(receiver, max_body) if directly else None)
        async with serving(app, front) as client:
            yield client
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


async def project(database: Database, *events: Incoming) -> None:
    """Append the events, each in a transaction of its own, and fold them into posts."""
    async with database.connection() as conn:
        for event in events:
            await event_log.append(conn, [event])
    node = await a_processor(database, {PROVIDER: Reader()})
    await node.tend()
    await node.drain()


async def bearer(database: Database, scope: str) -> dict[str, str]:
    """Headers with a new key of that scope."""
    async with database.connection() as conn:
        _, text = await keys.create(conn, f"test {scope}", [scope], NOON)
    return {"Authorization": f"Bearer {text}"}
