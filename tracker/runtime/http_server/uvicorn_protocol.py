"""The usual way: uvicorn's protocol and the application, which get one request at a time, whole and in one form."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tracker.runtime.http_server.chunks import Chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn import Config
    from uvicorn.server import ServerState

    from tracker.runtime.http_server.head import Head

    Scope = dict[str, Any]
    Receive = Any
    Send = Any

ADDRESS = "address"
"""Where the state of a request holds the address from which it is asked."""
_REQUEST = "tracker.request"


def asked_from(scope: Any) -> str:
    """The address from which a request comes, as the bounds count it."""
    told = scope.get("state", {}).get(ADDRESS)
    return told if isinstance(told, str) else str((scope.get("client") or [""])[0])


class Relay:
    """Passes requests on to a protocol of uvicorn's, on the same transport, and hears when each is answered."""

    __slots__ = ("_chunks", "_is_lost", "_left", "_protocol", "_request", "_state", "passed")

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], transport: asyncio.Transport
    ) -> None:
        self._state = app_state.copy()
        self._protocol = HttpToolsProtocol(config, server_state, self._state)
        self._protocol.connection_made(transport)
        self._chunks: Chunks | None = None
        self._left = self.passed = 0
        self._is_lost = False
        self._request: _Request | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the application has begun to answer the last request."""
        return self._request is not None and self._request.has_begun

    @property
    def has_ended(self) -> bool:
        """Whether it has answered all of it."""
        return self._request is not None and self._request.has_ended

    def begin(self, head: Head, address: str, answered: Callable[[], None]) -> None:
        """Pass on a head; `answered` is called when the answer is out."""
        self._request = self._state[_REQUEST] = _Request(answered)
        self._state[ADDRESS] = address
        self._chunks = Chunks() if head.length is None else None
        self._left, self.passed = head.length or 0, 0
        self._protocol.data_received(head.plainly())

    def pass_on(self, buffer: bytearray) -> bool:
        """Pass on what is there of the body, which leaves `buffer`; whether that was all. Raises Refused."""
        chunks = self._chunks
        if chunks is None:
            piece = bytes(buffer[: self._left])
            del buffer[: len(piece)]
            self._left -= len(piece)
            self._feed(piece)
            return not self._left
        if piece := chunks.take(buffer):
            self._feed(b"%x\r\n%b\r\n" % (len(piece), piece))
        if chunks.is_complete:
            self._feed(b"0\r\n\r\n")
        return chunks.is_complete

    def leave(self) -> None:
        """Nobody waits for the application's answer any more."""
        self.lost(ConnectionAbortedError())

    def lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        if not self._is_lost:
            self._is_lost = True
            self._state.clear()
            self._protocol.connection_lost(error)

    def pause_writing(self) -> None:
        """Nobody reads: let the application wait."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Let it go on."""
        self._protocol.resume_writing()

    def _feed(self, data: bytes) -> None:
        self.passed += len(data)
        if data and not self._is_lost:
            self._protocol.data_received(data)


class _Request:
    """One request that was passed on, as far as its answer has come."""

    __slots__ = ("_answered", "has_begun", "has_ended")

    def __init__(self, answered: Callable[[], None]) -> None:
        self._answered = answered
        self.has_begun = self.has_ended = False

    def end(self) -> None:
        if not self.has_ended:
            self.has_begun = self.has_ended = True
            self._answered()


def heard(app: Any) -> Any:
    """The application, with word of each answer's begin and end for the connection that it goes to."""

    async def hearing(scope: Scope, receive: Receive, send: Send) -> None:
        request = cast("_Request | None", scope.get("state", {}).get(_REQUEST))
        if request is None:
            await app(scope, receive, send)
            return

        async def telling(message: dict[str, Any]) -> None:
            request.has_begun = True
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                request.end()

        try:
            await app(scope, receive, telling)
        finally:
            # Where the application has failed, the server answers for it after this.
            asyncio.get_running_loop().call_soon(request.end)

    return hearing
