"""The HTTP server as this process runs it: it stops when it is told to, and lets go whom it would wait for."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

from tracker.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

BACKLOG = 2048


class Server(uvicorn.Server):
    """Leaves signals to who runs it; `stopping` lets go whom it would otherwise wait for."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping
        self.ended = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Without catching any."""
        yield

    def stop(self) -> None:
        """Answer what is under way, and end."""
        self.should_exit = True
        self._stopping()
        self.ended.set()


def listening(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket that listens there, beside those of other processes if it is `shared`; raises Misconfigured."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, reuse_port=shared, backlog=BACKLOG)
    except OSError as error:
        raise Misconfigured(f"cannot listen on {host}:{port}: {error.strerror}", key="server.port") from error


async def until_over(companion: Awaitable[None], server: Server) -> None:
    """Run the companion as long as the server; whichever ends first ends the other."""
    task = asyncio.ensure_future(companion)
    ended = asyncio.ensure_future(server.ended.wait())
    await asyncio.wait([task, ended], return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    ended.cancel()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
