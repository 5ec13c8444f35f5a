"""Connections: made only to addresses that were checked, with every byte of an exchange counted."""

from __future__ import annotations

import asyncio
import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpcore2

from tracker.domain.actions import Reason
from tracker.outbound.addresses import Allowed, OutboundError, parse_address

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable


@dataclass(slots=True)
class Traffic:
    """What one exchange may still read, and whether any of its request has left."""

    may_read: int
    sent: bool = False


current: ContextVar[Traffic] = ContextVar("traffic")
"""The exchange of the running task: connections outlive exchanges, so the count cannot live on the connection."""


_Found = list[tuple[Any, ...]]


async def resolve(host: str, port: int, allowed: Allowed) -> list[str]:
    """The addresses of `host`; refuses all of them when one of them is out of bounds."""
    try:
        found = await _look_up(host, port)
    except (OSError, UnicodeError) as error:
        raise OutboundError(Reason.DNS, f"{host} cannot be looked up: {error}") from error
    addresses = list(dict.fromkeys(parse_address(str(info[4][0])) for info in found))
    if not addresses:
        raise OutboundError(Reason.DNS, f"{host} has no address")
    for address in addresses:
        if not allowed.permits(host, address):
            raise OutboundError(Reason.BLOCKED, f"{host} leads to {address}, which [outbound] allow does not name")
    return [str(address) for address in addresses]


_under_way: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Task[_Found]] = {}


async def _look_up(host: str, port: int) -> _Found:
    """One look-up of a name at a time: it takes a thread, which a name server that is silent keeps for long."""
    loop = asyncio.get_running_loop()
    task = _under_way.get((loop, host, port))
    if task is None:
        task = loop.create_task(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        _under_way[loop, host, port] = task
        task.add_done_callback(lambda ended: _looked_up(loop, host, port, ended))
    return await asyncio.shield(task)


def _looked_up(loop: asyncio.AbstractEventLoop, host: str, port: int, ended: asyncio.Task[_Found]) -> None:
    del _under_way[loop, host, port]
    if not ended.cancelled():
        ended.exception()


class Guard(httpcore2.AsyncNetworkBackend):
    """Looks a name up once, checks what came, and connects to just that: no second look-up can change it."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await resolve(host, port, self._allowed)
        share = None if timeout is None else timeout / len(addresses)
        for place, address in enumerate(addresses, 1):
            try:
                stream = await self._inner.connect_tcp(address, port, share, local_address, socket_options)
                return CountedStream(stream)
            except httpcore2.ConnectTimeout as error:
                if place == len(addresses):
                    raise OutboundError(Reason.TIMEOUT, f"{host} does not take the connection") from error
            except httpcore2.ConnectError as error:
                if place == len(addresses):
                    raise OutboundError(Reason.REFUSED, f"{host} port {port}: {error}") from error
        raise AssertionError("resolve gives at least one address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise OutboundError(Reason.BLOCKED, "a Unix socket is nowhere outside")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class CountedStream(httpcore2.AsyncNetworkStream):
    """A connection that counts what the current exchange reads, and notes that it has begun to send."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        traffic = current.get()
        data = await self._inner.read(max_bytes, timeout)
        traffic.may_read -= len(data)
        if traffic.may_read < 0:
            raise OutboundError(Reason.TOO_LARGE, "the answer is larger than [outbound] max_answer", sent=True)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        current.get().sent = True
        await self._inner.write(buffer, timeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        began = time.monotonic()
        try:
            return CountedStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except httpcore2.ConnectTimeout as error:
            raise OutboundError(Reason.TIMEOUT, f"no TLS after {time.monotonic() - began:.1f} s") from error
        except (httpcore2.ConnectError, ValueError, OSError) as error:
            raise OutboundError(Reason.TLS, f"{server_hostname}: {error}") from error

    async def aclose(self) -> None:
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
