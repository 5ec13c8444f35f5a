"""The server of this process: it stops when it is told to, and lets go whom it would wait for."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from tracker.runtime.http_server.connection import Connection
from tracker.runtime.http_server.uvicorn_protocol import heard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tracker.runtime.http_server.server_state import Front

    Fault = Callable[[str, str], Exception]

BACKLOG = 2048


def configured(app: Any, front: Front, *, shutdown: float = 20, **more: Any) -> uvicorn.Config:
    """How the application is served behind the front; `shutdown` is in seconds."""
    limits = front.bounds.limits
    return uvicorn.Config(
        heard(app),
        http=cast("type[asyncio.Protocol]", partial(Connection, front)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=[str(network) for network in front.proxies.trusted] or None,
        # The front lets idle connections go, and must not be overtaken.
        timeout_keep_alive=round(limits.idle + limits.header + limits.body) + 60,
        timeout_graceful_shutdown=round(shutdown),
        **more,
    )


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


def claimed(host: str, port: int, fault: Fault, *, shared: bool = False) -> socket.socket:
    """The socket of that address; raises what `fault` makes of a key and of what to do, where it cannot be had."""
    with _told(host, port, fault):
        return bound(host, port, shared=shared)


def listening(door: socket.socket, fault: Fault) -> socket.socket:
    """The socket, which takes connections from now on; raises as `claimed` does where another one was first."""
    host, port, *_ = door.getsockname()
    with _told(host, port, fault):
        door.listen(BACKLOG)
    return door


@contextmanager
def _told(host: str, port: int, fault: Fault) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            taken = f"{port} is taken: something listens on {host}:{port} already; stop it, or set another"
            raise fault("server.port", taken) from error
        raise fault("server.host", f"cannot listen on {host}:{port}: {error.strerror}") from error


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
