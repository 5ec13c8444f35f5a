"""What a stranger may do to a port: `python -m tests.acceptance.floods KIND PORT [ADDRESS]`, until it is killed."""

from __future__ import annotations

import asyncio
import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Knock = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
    Flood = Callable[[Knock], Awaitable[None]]

BUSY = 16
"""Connections on which one request follows the other."""
MANY = 1100
"""Connections that say nothing, or too little: more than a process has descriptors for by default."""
GUESS = "x" * 43


def asked(method: str, path: str, *lines: str, body: str = "") -> bytes:
    """A request."""
    head = [f"{method} {path} HTTP/1.1", "Host: tracker", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", body]).encode()


REPEATED = {
    "forged": asked(
        "POST", "/webhooks/sosyalkopru", f"X-SosyalKopru-Signature: sha256={'0' * 64}", body='{"event":"x"}' + " " * 500
    ),
    "readyz": asked("GET", "/readyz"),
    "metrics": asked("GET", "/metrics"),
    "wrong keys": asked("GET", "/api/v1/posts", f"Authorization: Bearer trk_0123456789ab_{GUESS}"),
    "cookies": asked("GET", "/", f"Cookie: tracker_session={GUESS}"),
    "sign-in": asked(
        "POST", "/sign-in", "Origin: http://tracker", "Content-Type: application/x-www-form-urlencoded",
        body=f"key=trk_0123456789ab_{GUESS}",
    ),
}  # fmt: skip


def repeated(request: bytes) -> Flood:
    """One request after the other, as fast as the answers come."""

    async def flood(knock: Knock) -> None:
        reader, writer = await knock()
        try:
            while True:
                writer.write(request)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if length := head.partition(b"content-length: ")[2].partition(b"\r\n")[0]:
                    await reader.readexactly(int(length))
        finally:
            writer.close()

    return flood


def afresh(request: bytes) -> Flood:
    """One request after the other, each on a connection of its own, which the answer ends."""
    last = request.replace(b"Content-Length", b"Connection: close\r\nContent-Length", 1)

    async def flood(knock: Knock) -> None:
        while True:
            reader, writer = await knock()
            try:
                writer.write(last)
                await reader.read()
            finally:
                writer.close()

    return flood


def held(begun: bytes) -> Flood:
    """Something that is begun and never ended."""

    async def flood(knock: Knock) -> None:
        reader, writer = await knock()
        try:
            writer.write(begun)
            await writer.drain()
            await reader.read()
        finally:
            writer.close()

    return flood


async def endless_header(knock: Knock) -> None:
    """A header that only grows."""
    _, writer = await knock()
    try:
        writer.write(b"POST /webhooks/sosyalkopru HTTP/1.1\r\nHost: x\r\nX-A: ")
        while True:
            writer.write(b"a" * 65_536)
            await writer.drain()
    finally:
        writer.close()


HALF = (
    asked("POST", "/webhooks/sosyalkopru").replace(b"Content-Length: 0", b"Content-Length: 1048576") + b"x" * 1_000_000
)
KINDS: dict[str, tuple[int, Flood]] = {
    **{kind: (BUSY, repeated(request)) for kind, request in REPEATED.items()},
    "forged afresh": (BUSY, afresh(REPEATED["forged"])),
    "idle connections": (MANY, held(b"")),
    "half heads": (MANY, held(b"POST /webhooks/sosyalkopru HTTP/1.1\r\nHost: x\r\n")),
    "half-sent bodies": (100, held(HALF)),
    "endless header": (4, endless_header),
}


async def again_and_again(flood: Flood, knock: Knock) -> None:
    """Whenever the connection is closed, another one."""
    while True:
        with suppress(OSError, EOFError):
            await flood(knock)
        await asyncio.sleep(1)


async def run(kind: str, port: int, address: str = "127.0.0.1") -> None:
    """From that address of this machine, until it is killed."""

    def knock() -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        return asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    connections, flood = KINDS[kind]
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(again_and_again(flood, knock))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
