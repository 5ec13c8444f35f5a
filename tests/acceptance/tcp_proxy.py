"""A TCP proxy before Postgres that loses its memory: what goes over connections that are open is swallowed unsaid."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    def __init__(self) -> None:
        self.swallows = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(2**16):
                if not self.swallows:
                    writer.write(data)
                    await writer.drain()
        writer.close()


class Proxy:
    """Forwards to the Postgres of a DSN; `dsn` is the way through the proxy."""

    def __init__(self, dsn: str) -> None:
        self._upstream, self.dsn = dsn, ""
        self._links: set[_Link] = set()
        self._is_down = False

    def forget(self) -> None:
        """Swallow what goes over the connections that are open, for ever; new ones work."""
        for link in self._links:
            link.swallows = True

    def go_down(self) -> None:
        """The same, and what goes over new connections, too, until `come_back`."""
        self._is_down = True
        self.forget()

    def come_back(self) -> None:
        """New connections work again, and only they."""
        self._is_down = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        link = _Link()
        link.swallows = self._is_down
        self._links.add(link)
        there, back = await self._connect()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(link.carry(reader, back))
                both.create_task(link.carry(there, writer))
        finally:
            self._links.discard(link)
            writer.close()
            back.close()

    async def _connect(self) -> Streams:
        parts = urlsplit(self._upstream)
        more = parse_qs(parts.query)
        host, port = more.get("host", [parts.hostname or ""])[0], more.get("port", [str(parts.port or 5432)])[0]
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, int(port))


@asynccontextmanager
async def a_proxy(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy on the loopback."""
    proxy = Proxy(dsn)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    parts = urlsplit(dsn)
    login = parts.netloc.rpartition("@")[0]
    port = server.sockets[0].getsockname()[1]
    proxy.dsn = urlunsplit((parts.scheme, f"{login}@127.0.0.1:{port}", parts.path, "sslmode=disable", ""))
    try:
        yield proxy
    finally:
        server.close()
