"""A client of the service's door that keeps its connections, and takes whatever happens to them for an answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, source: str = "127.0.0.1") -> Pair:
    """A connection to the port that comes from that address."""
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))


class Door:
    """Posts to one port of the loopback, from an address of it."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.port, self._source = port, source
        self._idle: list[Pair] = []

    async def post(self, path: str, headers: dict[str, str], body: bytes, patience: float) -> int | None:
        """The status, or None when no answer came."""
        head = f"POST {path} HTTP/1.1\r\nhost: tracker\r\ncontent-length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return await self._ask(head.encode() + b"\r\n" + body, patience)

    async def get(self, path: str, patience: float) -> int | None:
        """The status, or None when no answer came."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nhost: tracker\r\n\r\n".encode(), patience)

    def close(self) -> None:
        """Close what is idle."""
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()

    async def _ask(self, sent: bytes, patience: float) -> int | None:
        pair: Pair | None = None
        try:
            async with asyncio.timeout(patience):
                pair = self._idle.pop() if self._idle else await connect(self.port, self._source)
                return await self._exchange(pair, sent)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if pair:
                pair[1].transport.abort()
            return None
        except asyncio.CancelledError:
            if pair:
                pair[1].transport.abort()
            raise

    async def _exchange(self, pair: Pair, sent: bytes) -> int:
        reader, writer = pair
        writer.write(sent)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or b"0"))
        if b"connection: close" in head:
            with suppress(OSError):
                writer.close()
        else:
            self._idle.append(pair)
        return int(head[9:12])
