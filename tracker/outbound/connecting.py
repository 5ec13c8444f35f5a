"""Calls, each made once over a connection that leads to an address that was checked and that counts every byte.

This is what takes a while to load: only who calls somebody needs it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import truststore
from aiohttp import (
    BaseConnector,
    ClientError,
    ClientOSError,
    ClientRequest,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
)
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from tracker.domain.actions import Reason
from tracker.outbound.addresses import Allowed, OutboundError, WebAddress, dial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiohttp import ClientHandlerType, ClientResponse
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

KEPT, KEPT_FOR, MOST = 100, 30, 1000
"""Connections that wait for more to do, for how many seconds, and how many are at work at once."""


@dataclass(slots=True)
class Traffic:
    """What one exchange may still read, whether any of its request may have left, and what its connection died of."""

    may_read: int
    sent: bool = False
    failed: OutboundError | None = None


current: ContextVar[Traffic] = ContextVar("traffic")
"""The exchange of the running task: connections outlive exchanges, so the count cannot live on the connection."""


class CountedConnection(ResponseHandler):
    """A connection that counts what its exchange reads, and ends when anything comes between two exchanges."""

    def __init__(self, loop: asyncio.AbstractEventLoop, resting: set[CountedConnection]) -> None:
        super().__init__(loop)
        self.traffic: Traffic | None = current.get()
        self._resting = resting

    def work(self, traffic: Traffic) -> None:
        """Be of this exchange."""
        self._resting.discard(self)
        self.traffic = traffic

    def rest(self) -> None:
        """Be of none, until there is another one for the same server."""
        self.traffic = None
        if len(self._resting) < KEPT:
            self._resting.add(self)
        else:
            self.force_close()

    def data_received(self, data: bytes) -> None:
        traffic = self.traffic
        if traffic is None:
            if data:  # without any it is only told to go on
                self.close()
            return
        data, traffic.may_read = data[: max(traffic.may_read, 0)], traffic.may_read - len(data)
        if traffic.may_read < 0:
            traffic.failed = OutboundError(Reason.TOO_LARGE, "the answer is larger than [outbound] max_answer")
            super().data_received(data)  # the head may be in it, and with it whether the request was taken
            if self.transport is not None:
                self.transport.abort()
            return
        super().data_received(data)
        if self.traffic is None and self.should_close:  # more came than one answer
            self.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._resting.discard(self)
        if exc is not None and self.traffic is not None and self._payload is not None and not self._payload.is_eof():
            self.traffic.failed = self.traffic.failed or OutboundError(Reason.BAD_ANSWER, str(exc))
        super().connection_lost(exc)

    def close(self) -> None:
        """At once: a server that does not read must not keep what was to be written to it."""
        self.abort()


class Guard(BaseConnector):
    """Looks a name up once, checks what came, and connects to just that: no second look-up can change it."""

    def __init__(self, allowed: Allowed, seconds: float, ssl_context: ssl.SSLContext | None) -> None:
        super().__init__(limit=MOST, keepalive_timeout=KEPT_FOR)
        self._allowed, self._seconds, self._ssl_context = allowed, seconds, ssl_context
        self._resting: set[CountedConnection] = set()

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        protocol, traffic = connection.protocol, current.get()
        if isinstance(protocol, CountedConnection):
            protocol.work(traffic)
            connection.add_callback(protocol.rest)
        traffic.sent = True  # from here on nobody can say that it was not
        return connection

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        host, port = req.host, req.port or 443
        connected = await dial(host, port, self._allowed, self._seconds)
        made = partial(CountedConnection, self._loop, self._resting)
        if not req.is_ssl():
            return (await self._loop.create_connection(made, sock=connected))[1]
        context = self._ssl_context or truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
        try:
            return (await self._loop.create_connection(made, sock=connected, ssl=context, server_hostname=host))[1]
        except (OSError, ValueError) as error:
            raise OutboundError(Reason.TLS, f"{host}: {error}") from error


_ADDED = ("accept", "accept-encoding", "content-type", "user-agent")
"""Headers that aiohttp would add by itself."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*")
_ENDED = "the connection ended before the answer did"


class Heard(NamedTuple):
    """A complete answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """Sends requests, as long as it is not closed."""

    def __init__(self, allowed: Allowed, seconds: float, max_answer: int, ssl_context: ssl.SSLContext | None) -> None:
        self._seconds, self._max_answer = seconds, max_answer
        self._connections = Guard(allowed, seconds, ssl_context)
        self._session = ClientSession(
            connector=self._connections,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(),  # none of its own: there is one over all
            auto_decompress=False,
            skip_auto_headers=_ADDED,
            max_line_size=max_answer,
            max_field_size=max_answer,
            max_headers=max_answer,
            middlewares=(_once,),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def call(self, method: str, address: WebAddress, headers: Mapping[str, str], body: bytes) -> Heard:
        """Send one request and read the whole answer; raises OutboundError."""
        for name, value in headers.items():
            if not _HEADER.fullmatch(f"{name}:{value}"):
                raise OutboundError(Reason.INTERNAL, f"the header {name!r} cannot be sent")
        traffic = Traffic(self._max_answer)
        token = current.set(traffic)
        began: list[int] = []
        try:
            with _told_as_reasons(traffic, began):
                async with (
                    asyncio.timeout(self._seconds),
                    self._session.request(
                        method, _url(address), headers=headers, data=body or None, allow_redirects=False
                    ) as response,
                ):
                    began.append(response.status)
                    content = await response.read()
                    if traffic.failed:
                        raise traffic.failed
            raw = response.raw_headers
            got = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}
            return Heard(response.status, got, content)
        finally:
            current.reset(token)


def _url(address: WebAddress) -> URL:
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port is None else f":{address.port}"
    try:
        return URL(f"{address.scheme}://{host}{port}{address.target}", encoded=True)
    except ValueError as error:
        raise OutboundError(Reason.BLOCKED, f"not a web address: {error}") from error


async def _once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """What ends without an answer would be sent again by aiohttp, if its method is one that may be repeated."""
    try:
        return await handler(request)
    except (ClientOSError, ServerDisconnectedError) as error:
        raise OutboundError(Reason.BAD_ANSWER, _ENDED) from error


@contextmanager
def _told_as_reasons(traffic: Traffic, began: list[int]) -> Iterator[None]:
    """Every way in which an exchange can fail, as one error that says whether the request had left."""
    try:
        yield
    except TimeoutError as error:
        raise _error(OutboundError(Reason.TIMEOUT, "no complete answer in time"), traffic, began) from error
    except OutboundError as error:
        raise _error(traffic.failed or error, traffic, began) from error
    except (ClientError, OSError) as error:
        # What they say may hold the address, which may be secret.
        detail = error.message.partition("\n")[0].rstrip(":") if isinstance(error, ClientResponseError) else _ENDED
        raise _error(traffic.failed or OutboundError(Reason.BAD_ANSWER, detail), traffic, began) from error


def _error(why: OutboundError, traffic: Traffic, began: list[int]) -> OutboundError:
    return OutboundError(why.reason, why.detail, sent=traffic.sent, status=began[0] if began else None)
