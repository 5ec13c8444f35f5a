"""Another system that `send` reaches: it counts what it accepted under each webhook-id, and is down at times."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n"
SPARED = b"probe-"
"""What is about such a post is never refused: somebody waits for it."""


async def requests(reader: asyncio.StreamReader) -> AsyncIterator[tuple[str, dict[str, str], bytes]]:
    """The first line, the headers and the body of each request of a connection, until the other side closes it."""
    with suppress(asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            yield first, headers, await reader.readexactly(int(headers.get("content-length", "0")))


class Sink:
    """`accepted` counts by webhook-id, `bodies` are what came under each; every `fails`-th request is refused."""

    def __init__(self, fails: int = 7) -> None:
        self.accepted: Counter[str] = Counter()
        self.bodies: dict[str, set[bytes]] = defaultdict(set)
        self.url = ""
        self._fails, self._requests = fails, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept open for many requests."""
        try:
            async for _, headers, body in requests(reader):
                self._requests += 1
                refused = self._requests % self._fails == 0 and SPARED not in body
                self.bodies[headers["webhook-id"]].add(body)
                if not refused:
                    self.accepted[headers["webhook-id"]] += 1
                writer.write(BUSY if refused else OK)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def a_sink(fails: int = 7) -> AsyncIterator[Sink]:
    """A sink that listens on the loopback."""
    sink = Sink(fails)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield sink
    finally:
        server.close()
