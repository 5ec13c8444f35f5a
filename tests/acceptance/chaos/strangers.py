"""What strangers do at the door, without a secret: none of it may stop anybody else's deliveries."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from tests.acceptance.chaos.configured import DESCRIPTORS
from tests.acceptance.chaos.door import Door, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.acceptance.chaos.plan import Step
    from tests.acceptance.chaos.scenes import Scene

ELSEWHERE = "127.0.0.2"
"""Not the address from which the deliveries come."""
SOON = 10
REOPENED = 3.0
HEAD = b"POST /webhooks/sosyalkopru HTTP/1.1\r\nHost: x\r\n"
FORGERS, HEADERS, BODIES = 8, 200, 100
MORE_THAN_FITS = DESCRIPTORS + 300
CHUNK = b"a" * 65536


@asynccontextmanager
async def _meanwhile(stranger: Callable[[], Awaitable[None]], many: int = 1) -> AsyncIterator[None]:
    """They go on until the fault is left."""
    tasks = [asyncio.ensure_future(stranger()) for _ in range(many)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _holding(scene: Scene, sent: bytes, many: int) -> AsyncIterator[None]:
    """So many connections, on each of which that was sent and nothing follows; one that is closed is opened again."""
    begun: set[asyncio.Task[None] | None] = set()
    all_begun = asyncio.Event()

    async def hold() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await connect(scene.service.port, ELSEWHERE)
                try:
                    writer.write(sent)
                    begun.add(asyncio.current_task())
                    if len(begun) == many:
                        all_begun.set()
                    await reader.read()
                finally:
                    writer.transport.abort()
            await asyncio.sleep(REOPENED)

    async with _meanwhile(hold, many):
        with suppress(TimeoutError):
            await asyncio.wait_for(all_begun.wait(), SOON)
        yield


@asynccontextmanager
async def forged_flood(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Deliveries that nobody signed, as fast as they are answered."""
    numbers = iter(range(10**9))

    async def forge() -> None:
        door = Door(scene.service.port, ELSEWHERE)
        try:
            while True:
                body = b'{"event": "post.published", "data": {"postId": "forged-%d-%d"}}' % (step.seed, next(numbers))
                headers = {"x-sosyalkopru-signature": "sha256=" + "0" * 64, "x-sosyalkopru-delivery": "forged"}
                if await door.post("/webhooks/sosyalkopru", headers, body, 15) is None:
                    await asyncio.sleep(0.1)
        finally:
            door.close()

    async with _meanwhile(forge, FORGERS):
        yield


@asynccontextmanager
async def endless_header(scene: Scene, step: Step) -> AsyncIterator[None]:
    """One header line without an end."""

    async def pour() -> None:
        while True:
            with suppress(OSError):
                _, writer = await connect(scene.service.port, ELSEWHERE)
                try:
                    writer.write(HEAD + b"X-A: ")
                    while True:
                        writer.write(CHUNK)
                        await writer.drain()
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.05)

    async with _meanwhile(pour):
        yield


@asynccontextmanager
async def half_headers(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Many who begin a request and do not go on."""
    async with _holding(scene, HEAD + b"X-A: b\r\n", HEADERS):
        yield


@asynccontextmanager
async def half_bodies(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Many who announce a large body and send half of it."""
    async with _holding(scene, HEAD + b"Content-Length: 262144\r\n\r\n" + CHUNK * 2, BODIES):
        yield


@asynccontextmanager
async def descriptors(scene: Scene, step: Step) -> AsyncIterator[None]:
    """More idle connections than the service may have open."""
    async with _holding(scene, b"", MORE_THAN_FITS):
        yield
