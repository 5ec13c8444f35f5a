"""A server's connections: every request is read, bounded and judged here, whoever answers it then.

Plain webhooks are answered at once by who takes them `directly`: no task, no framework. All else goes on to the usual
server (uvicorn's protocol and the application), one request after the other and in one form, so that both answer the
same requests: what is refused here reaches neither.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import contextmanager, suppress
from functools import partial
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from tracker.runtime.http_server.head import MOST_BYTES, Head, Refused, check_begun, read_head
from tracker.runtime.http_server.presence import ANSWERED_BY, BODY, CLOSING, FULL, HEAD, RELAYED, RETRY, Presence
from tracker.runtime.http_server.server_state import answer
from tracker.runtime.http_server.turns import PAUSE
from tracker.runtime.http_server.uvicorn_protocol import Relay, heard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from tracker.runtime.http_server.server_state import Direct, Front

    Fault = Callable[[str, str], Exception]

BACKLOG = 2048
UNREAD = 32 * 1024
"""Bytes of each connection that the system keeps for us: one that sends much holds up the others for no longer."""


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
        """Catch no signal: whoever runs the server does."""
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
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD)
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


COUNTED = 4096
"""Bytes of half a head that nobody counts."""


class Connection(Presence):
    """What is asked on a connection, one request after the other."""

    __slots__ = ()

    def _read(self) -> None:
        if self._phase is HEAD:
            self._read_head()
        elif self._phase is BODY:
            head = cast("Head", self._head)
            self._take_body(head, cast("int", head.length))
        else:
            self._relay_body(cast("Relay", self._relay))

    def _read_head(self) -> None:
        buffer = self._buffer
        if buffer[0] in b"\r\n" and not self._seen:
            del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n"))]
            if not buffer:
                return
        end = buffer.find(b"\r\n\r\n", max(0, self._seen - 3), MOST_BYTES + 4)
        try:
            if end < 0:
                self._begin_head()
                return
            head = read_head(buffer[:end])
        except Refused as refused:
            self._refuse(refused)
            return
        del buffer[: end + 4]
        self._line = self._seen = 0
        self._head = head
        if self.held:
            self._front.bounds.hold(self, 0)
        if self._front.proxies.trusted and not self._is_admitted(head):
            self._refuse(Refused(FULL, "too many are connected from your address: come again", RETRY))
        elif self._is_unproven(head):
            self._queue(0 if head.target.startswith(self._front.door) else PAUSE)
        else:
            self._go_ahead(head)

    def take_turn(self) -> None:
        """Go on with the request whose head has been read."""
        if self._transport.is_closing():
            return
        self.read_on()
        self._go_ahead(cast("Head", self._head))
        if self._half_closed and self._phase in {BODY, RELAYED}:
            self._transport.close()

    def _is_unproven(self, head: Head) -> bool:
        """Whether nothing speaks for the request: others like it were refused, or it comes to us without a key."""
        if not head.target.startswith(self._front.door):
            return not self.proven
        proxies = self._front.proxies
        if not self.known or (proxies.trusted and proxies.include(self._peer())):  # through a proxy come others
            return self._front.bounds.turns.are_owed_by(self.address)
        return self.refused

    def _go_ahead(self, head: Head) -> None:
        if self._relay is None and self._front.direct and self._front.direct.fits(head):
            self._phase = BODY
            self._take_body(head, cast("int", head.length))
        else:
            self._hand_over(head)

    def _begin_head(self) -> None:
        """Half a head: see that it may become one, in time."""
        if not self._seen:
            self.deadline = self._loop.time() + self._front.bounds.limits.header
        self._line = check_begun(self._buffer, self._line, self._seen)
        self._seen = len(self._buffer)
        if self._seen > COUNTED:
            self._front.bounds.sends(self)
            if not self._front.bounds.hold(self, self._seen):
                raise Refused(FULL, "too much is waiting: send it again", RETRY)
        if self._half_closed:
            self._transport.close()

    def _take_body(self, head: Head, length: int) -> None:
        buffer, front = self._buffer, self._front
        if len(buffer) < length:
            self._wait_for_body(len(buffer))
            return
        body = bytes(buffer[:length])
        del buffer[:length]
        front.bounds.works(self)
        self._phase, self.deadline = ANSWERED_BY, inf
        if front.bounds.hold(self, length):
            self.refused, begun = False, perf_counter()
            cast("Direct", front.direct).take(head, body, self._answer)
            if self.refused:
                front.bounds.turns.refused(self.address, perf_counter() - begun)
        else:
            self._refuse(Refused(FULL, "too much is waiting: send it again", RETRY))

    def _hand_over(self, head: Head) -> None:
        """To the usual server, which keeps the connection from now on; but what comes still comes through here."""
        if self._relay is None:
            self._relay = Relay(self._config, self._state, self._app_state, self._transport)
        self._phase = RELAYED
        self._relay.begin(head, self.address or self._peer(), self._relayed)
        self._relay_body(self._relay)

    def _relay_body(self, relay: Relay) -> None:
        try:
            is_whole = relay.pass_on(self._buffer)
        except Refused as refused:
            self._refuse(refused)
            return
        if not is_whole:
            self._wait_for_body(min(relay.passed, self._front.bounds.limits.largest))
            return
        self._front.bounds.works(self)
        self._phase, self.deadline = ANSWERED_BY, inf
        if relay.has_ended:
            self._relayed()

    def _relayed(self) -> None:
        """The usual server has answered."""
        if self._relay:
            self._was_told(self._relay.status)
            self.proven |= self._relay.has_key
        if self._phase is ANSWERED_BY:
            if self._transport.is_closing():
                self._end(CLOSING)
            else:
                self._wait_for_next()

    def _answer(self, status: int, body: bytes, more: Sequence[tuple[bytes, bytes]]) -> None:
        transport, head = self._transport, self._head
        if self._phase is not ANSWERED_BY or transport.is_closing():
            return
        self._was_told(status)
        self._state.total_requests += 1
        is_kept = head is not None and head.is_kept and not self._stopping
        transport.write(answer(self._front.stamp.of(self._state.default_headers), status, body, more, is_kept))
        if is_kept:
            self._wait_for_next()
        else:
            self._end(CLOSING)
            transport.close()

    def _is_admitted(self, head: Head) -> bool:
        front = self._front
        return front.bounds.comes_from(self, front.proxies.seen_through(self._peer(), head.fields))
