"""The usual way: uvicorn's protocol and the application, which get one request at a time, whole and in one form."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tracker.runtime.http_server.head import BAD_REQUEST, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from uvicorn import Config
    from uvicorn.server import ServerState

    from tracker.runtime.http_server.head import Head

    Scope = dict[str, Any]
    Receive = Any
    Send = Any

LONGEST_LINE = 1024
MOST_TRAILERS = 8 * 1024

_WORD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_EXTENSION = rb"[ \t]*+;[ \t]*+%b(?:[ \t]*+=[ \t]*+(?:%b|%b))?" % (_WORD, _WORD, _QUOTED)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15}+)(?:%b)*" % _EXTENSION)
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+")


class Chunks:
    """Takes the chunks off the front of what has come; `is_complete` after the last one and its trailers."""

    __slots__ = ("_left", "_trailers", "is_complete")

    def __init__(self) -> None:
        self._left = 0
        """Bytes of the present chunk that are still to come, its line break among them; 0: a size comes next."""
        self._trailers: int | None = None
        self.is_complete = False

    def take(self, buffer: bytearray) -> bytes:
        """What the chunks hold that are there, which leaves `buffer`; raises Refused."""
        pieces = []
        while not self.is_complete:
            if self._left > len(_CRLF):
                piece = bytes(buffer[: self._left - len(_CRLF)])
                del buffer[: len(piece)]
                self._left -= len(piece)
                pieces.append(piece)
                if self._left > len(_CRLF):
                    break
            if self._left:
                if len(buffer) < len(_CRLF):
                    if buffer and buffer != b"\r":
                        raise Refused(BAD_REQUEST, "a chunk of the body is longer than it says")
                    break
                if not buffer.startswith(_CRLF):
                    raise Refused(BAD_REQUEST, "a chunk of the body is longer than it says")
                del buffer[: len(_CRLF)]
                self._left = 0
            elif (line := _line(buffer)) is None:
                break
            else:
                self._read(line)
        return b"".join(pieces)

    def _read(self, line: bytes) -> None:
        """A line that says how long the next chunk is, or a trailer."""
        if self._trailers is None:
            found = _SIZE.fullmatch(line)
            if found is None:
                raise Refused(BAD_REQUEST, "the size of a chunk of the body is malformed")
            size = int(found[1], 16)
            self._left = size + len(_CRLF) if size else 0
            self._trailers = None if size else 0
        elif line:
            self._trailers += len(line)
            if not _TRAILER.fullmatch(line) or self._trailers > MOST_TRAILERS:
                raise Refused(BAD_REQUEST, "what follows the last chunk of the body is malformed, or too long")
        else:
            self.is_complete = True


_CRLF = b"\r\n"


def _line(buffer: bytearray) -> bytes | None:
    """The next line, without its end; None until it is whole. Raises Refused."""
    end = buffer.find(b"\n", 0, LONGEST_LINE)
    if end < 0:
        if len(buffer) >= LONGEST_LINE:
            raise Refused(BAD_REQUEST, "a line within the body's chunks is too long")
        if buffer.find(b"\r", 0, len(buffer) - 1) >= 0:
            raise Refused(BAD_REQUEST, "a line within the body's chunks is malformed")
        return None
    line = bytes(buffer[: end + 1])
    if not line.endswith(_CRLF) or b"\r" in line[:-2]:
        raise Refused(BAD_REQUEST, "a line within the body's chunks does not end in CR LF")
    del buffer[: end + 1]
    return line[:-2]


ADDRESS = "address"
"""Where the state of a request holds the address from which it is asked."""
_REQUEST = "tracker.request"


def asked_from(scope: Any) -> str:
    """The address from which a request comes, as the bounds count it."""
    told = scope.get("state", {}).get(ADDRESS)
    return told if isinstance(told, str) else str((scope.get("client") or [""])[0])


def vouch_for(scope: Any) -> None:
    """Say that whoever asks has a key: what it asks next on this connection waits for no turn."""
    request = scope.get("state", {}).get(_REQUEST)
    if isinstance(request, _Request):
        request.has_key = True


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

    @property
    def has_key(self) -> bool:
        """Whether the application vouches for who asked the last request."""
        return self._request is not None and self._request.has_key

    @property
    def status(self) -> int:
        """What the application has answered to the last request; 0 before it has."""
        return self._request.status if self._request else 0

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

    __slots__ = ("_answered", "has_begun", "has_ended", "has_key", "status")

    def __init__(self, answered: Callable[[], None]) -> None:
        self._answered, self.status = answered, 0
        self.has_begun = self.has_ended = self.has_key = False

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
            request.has_begun, request.status = True, message.get("status", request.status)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                request.end()

        try:
            await app(scope, receive, telling)
        finally:
            # Where the application has failed, the server answers for it after this.
            asyncio.get_running_loop().call_soon(request.end)

    return hearing
