"""The HTTP server as this process runs it: it stops when it is told to, and lets go whom it would wait for."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tracker.settings import Settings

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


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket with that address, beside those of other processes if it is `shared`; raises OSError.

    Nobody can connect before it listens.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        door.bind(address)
    except BaseException:
        door.close()
        raise
    return door


def claimed(settings: Settings) -> socket.socket:
    """The socket of [server]; raises Misconfigured, with what to do, where it cannot be had."""
    with _told(settings):
        return bound(settings.server.host, settings.server.port, shared=settings.server.share_port)


def listening(door: socket.socket, settings: Settings) -> socket.socket:
    """The socket, which takes connections from now on; raises Misconfigured where another one was first."""
    with _told(settings):
        door.listen(BACKLOG)
    return door


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    host, port = settings.server.host, settings.server.port
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise settings.fault(
                "server.port", f"{port} is taken: something listens on {host}:{port} already; stop it, or set another"
            ) from error
        raise settings.fault("server.host", f"cannot listen on {host}:{port}: {error.strerror}") from error


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
