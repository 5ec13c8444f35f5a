"""The stream of events behind real HTTP, and a client that reads server-sent events as browsers do."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.contract.serving import serving
from tests.integration.corridor import READERS
from tests.integration.told import NOON, told
from tracker.api import Parts, application
from tracker.api.events import Told, shown
from tracker.store.log.event_log import append
from tracker.store.wakeups import Wakeups
from tracker.stream.broadcast import Broadcast, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import httpx2

    from tracker.store.database import Connection, Database

PATIENCE = 20.0
USUAL = Limits()


@dataclass(frozen=True)
class Heard:
    """One event: its id, and what it says; a sign of life says nothing."""

    id: str
    data: dict[str, Any] | None


@asynccontextmanager
async def streaming(database: Database, limits: Limits = USUAL) -> AsyncIterator[httpx2.AsyncClient]:
    """A process that shares the stream, and a client for it that carries no key."""
    broadcast: Broadcast[Told] = Broadcast(database, READERS, shown, limits)
    async with Wakeups(database.dsn).listening() as wakeups:
        reading = asyncio.create_task(broadcast.run(wakeups))
        try:
            async with serving(application(Parts(database, lambda: NOON, None, broadcast=broadcast))) as client:
                yield client
                broadcast.close()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def listen(client: httpx2.AsyncClient, last: str | None = None, **filters: str) -> AsyncGenerator[Heard]:
    """What the stream says, signs of life among it, until it ends; fails when it says nothing for long."""
    headers = {"Last-Event-ID": last} if last else {}
    async with client.stream(
        "GET", "/api/v1/events/stream", params=filters, headers=headers, timeout=PATIENCE
    ) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "id" in fields:
                yield Heard(fields["id"], json.loads(fields["data"]) if "data" in fields else None)
            fields = {}


async def hear(client: httpx2.AsyncClient, number: int, last: str | None = None, **filters: str) -> list[Heard]:
    """The next so many events."""
    found: list[Heard] = []
    async with aclosing(listen(client, last, **filters)) as heard:
        async for one in heard:
            found += [one] if one.data else []
            if len(found) >= number:
                break
    return found


async def first_id(client: httpx2.AsyncClient) -> str:
    """The place that a stream tells at its beginning."""
    async with aclosing(listen(client)) as heard:
        return (await anext(heard)).id


async def record(conn: Connection, *numbers: int) -> None:
    """One event for each number, about the post of that number, which moves nothing."""
    for number in numbers:
        await append(conn, [told(f"p{number}", None, number, kind="post.updated")])
