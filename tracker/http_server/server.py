"""The server of this process: it stops when it is told to, and lets go whom it would wait for."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from tracker.errors import Misconfigured
from tracker.http_server.connection import Connection
from tracker.http_server.usual import heard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tracker.http_server.front import Front

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
