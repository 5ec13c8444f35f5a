"""The network between the service and Postgres, which can be cut, slow, deaf, or lose an answer."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from tests.acceptance.service import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

RESET = struct.pack("ii", 1, 0)
FORGOTTEN = 100
"""So many connections that nobody hears any more are kept open on the side of Postgres, which knows nothing of it."""


class Link:
    """One connection: its two ends, and whether it swallows what is sent, or loses the next answer."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.swallows = self.loses = False

    def cut(self) -> None:
        """Reset both ends."""
        for end in (self.client, self.server):
            reset(end)


def reset(end: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset, and not an end."""
    sock = end.get_extra_info("socket")
    if sock is not None and sock.family == socket.AF_INET:
        with suppress(OSError):  # it is closed already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.transport.abort()


class Proxy:
    """Listens on the loopback, and connects to the Unix socket that `target` names at that moment.

    `delay` is how many seconds each packet takes, `swallows` whether new connections are swallowed too, and
    `loses_answers` whether the answer to whatever is sent next is lost, after Postgres gave it.
    """

    def __init__(self, target: Callable[[], str]) -> None:
        self._target = target
        self._links: set[Link] = set()
        self._forgotten: deque[Link] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = free_port()
        self.delay, self.swallows, self.loses_answers = 0.0, False, False
        self.lost = 0

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        self.cut()
        for link in self._forgotten:
            link.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def accept(self) -> None:
        """Listen, again on the same port."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)

    def refuse(self) -> None:
        """Listen no more: a new connection is refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def cut(self) -> None:
        """Reset every connection there is."""
        for link in list(self._links):
            link.cut()

    def forget(self) -> None:
        """Swallow what is sent on every connection there is, for ever, and tell neither side."""
        for link in self._links:
            link.swallows = True
            self._forgotten.append(link)
        self._links.clear()
        while len(self._forgotten) > FORGOTTEN:
            self._forgotten.popleft().cut()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            answers, server = await asyncio.open_unix_connection(self._target())
        except OSError:
            reset(writer)
            return
        link = Link(writer, server)
        self._links.add(link)
        if self.swallows:
            self._links.discard(link)
            self._forgotten.append(link)
            link.swallows = True
        both = [asyncio.create_task(self._up(link, reader)), asyncio.create_task(self._down(link, answers))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if link.swallows:
                await asyncio.Event().wait()  # the other side does not hear of the end either
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            link.cut()
            self._links.discard(link)

    async def _up(self, link: Link, reader: asyncio.StreamReader) -> None:
        while data := await self._read(reader):
            if link.swallows:
                continue
            link.loses |= self.loses_answers and (data[:1] == b"B" or b"COMMIT" in data)
            link.server.write(data)
            await link.server.drain()

    async def _down(self, link: Link, reader: asyncio.StreamReader) -> None:
        while data := await self._read(reader):
            if link.loses and not link.swallows:
                self.lost += 1
                return
            if not link.swallows:
                link.client.write(data)
                await link.client.drain()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            data = await reader.read(65536)
        except ConnectionError:
            return b""
        if self.delay:
            await asyncio.sleep(self.delay)
        return data
