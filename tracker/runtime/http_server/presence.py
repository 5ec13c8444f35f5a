"""How a connection comes, waits, is refused and goes, whatever is said on it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Any, cast

from tracker.runtime.http_server.head import Head, Refused
from tracker.runtime.http_server.server_state import refusal

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

    from tracker.runtime.http_server.server_state import Front
    from tracker.runtime.http_server.uvicorn_protocol import Relay

LINGERING = 2.0
"""Seconds for which somebody who was refused may read why, and is not listened to."""
CLOSING = 10.0
MOST_DROPPED = 4 * 2**20
SLOW, FULL, REFUSALS = 408, 503, range(400, 500)
RETRY = ((b"retry-after", b"2"),)


class Phase(Enum):
    """How far the present request has come."""

    HEAD = 1
    BODY = 2
    RELAYED = 3
    ANSWERED_BY = 4
    ENDING = 5
    QUEUED = 6


HEAD, BODY, RELAYED, ANSWERED_BY, ENDING, QUEUED = Phase


class Presence(asyncio.Protocol):
    """One of them; made by the server, which stops it by `shutdown`. What has come stands in `_buffer`."""

    __slots__ = (
        "_app_state", "_buffer", "_config", "_dropped", "_front", "_half_closed", "_head", "_line", "_loop",
        "_phase", "_reading_paused", "_relay", "_seen", "_state", "_stopping", "_transport", "_writing_paused",
        "address", "deadline", "held", "known", "proven", "refused",
    )  # fmt: skip

    def __init__(
        self,
        front: Front,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._front, self._config, self._state, self._app_state = front, config, server_state, app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._buffer = bytearray()
        self._line = self._seen = self._dropped = self.held = 0
        self._phase = HEAD
        self._head: Head | None = None
        self._relay: Relay | None = None
        self._reading_paused = self._writing_paused = self._half_closed = self._stopping = self.known = False
        self.refused = self.proven = False
        self.deadline, self.address = inf, ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Come in, if there is room."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(self)  # type: ignore[arg-type]  # it asks only for `shutdown`
        self.address = self._front.proxies.counted_as(self._peer())
        self.deadline = self._loop.time() + self._front.bounds.limits.header
        if not self._front.bounds.enter(self):
            self._refuse(Refused(FULL, "too many are connected: come again", RETRY))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave nothing behind."""
        self._front.bounds.leave(self)
        self._state.connections.discard(self)
        self._phase, self._buffer = ENDING, bytearray()
        if self._relay:
            self._relay.lost(exc)
            self._relay = None

    def data_received(self, data: bytes) -> None:
        """More of a request, or of several."""
        phase = self._phase
        if phase is ENDING:
            self._dropped += len(data)
            if self._dropped > MOST_DROPPED:
                self._transport.abort()
            return
        self._buffer += data
        if phase is ANSWERED_BY or phase is QUEUED or self._writing_paused:
            self._wait_with(len(data))
        else:
            self._read()

    def eof_received(self) -> bool:
        """Who says nothing more may still listen to the answer that is due."""
        waits = self._phase in {ANSWERED_BY, QUEUED} and not (self._relay and self._relay.has_begun)
        self._half_closed = waits or (self._phase is HEAD and bool(self._buffer))
        return self._half_closed

    def pause_writing(self) -> None:
        """Nobody reads what was answered."""
        self._writing_paused = True
        self.deadline = self._loop.time() + self._front.bounds.limits.stalled
        if self._relay:
            self._relay.pause_writing()

    def resume_writing(self) -> None:
        """It has been read."""
        self._writing_paused = False
        self.deadline = inf
        if self._relay:
            self._relay.resume_writing()
        if self._phase is HEAD:
            self._wait_for_head()

    def shutdown(self) -> None:
        """Answer what is under way, and end."""
        self._stopping = True
        if self._phase is HEAD:
            self._transport.close()

    def give_way(self) -> None:
        """Make room for another one."""
        if self._phase is ENDING or (self._phase is HEAD and not self._buffer):
            self._end(CLOSING)
            self._transport.abort()
        else:
            self._refuse(Refused(FULL, "too much is waiting: send it again, and faster", RETRY))
            self._front.bounds.leave(self)
            self._transport.close()

    def late(self) -> None:
        """The deadline has passed."""
        if self._phase is ENDING or self._writing_paused:
            self._transport.abort()
        elif self._phase is HEAD and not self._buffer:
            self._end(CLOSING)
            self._transport.close()
        else:
            self._refuse(Refused(SLOW, "the request came too slowly"))

    @abstractmethod
    def take_turn(self) -> None:
        """Go on with the request whose head has been read."""

    @abstractmethod
    def _read(self) -> None:
        """More has come, or it is this request's turn."""

    def _refuse(self, refused: Refused) -> None:
        """Say why, unless an answer has begun, and listen no more."""
        begun = self._relay is not None and self._relay.has_begun and not self._relay.has_ended
        at_door = self._head.target if self._head else self._buffer[:512].decode("latin-1")
        self._end(LINGERING)
        if begun or self._transport.is_closing():
            self._transport.abort()
            return
        stamp = self._front.stamp.of(self._state.default_headers)
        self._transport.write(refusal(stamp, refused, at_door, self._front.door))
        if self._relay:
            self._relay.leave()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.read_on()

    def _end(self, seconds: float) -> None:
        self._phase, self._buffer = ENDING, bytearray()
        self.deadline = self._loop.time() + seconds
        self._front.bounds.ends(self)

    def _was_told(self, status: int) -> None:
        self.known, self.refused = True, status in REFUSALS

    def _wait_for_next(self) -> None:
        if self._stopping or (self._half_closed and not self._buffer):
            self._end(CLOSING)
            self._transport.close()
            return
        self._phase = HEAD
        front = self._front
        if self.held:
            front.bounds.hold(self, 0)
        if front.proxies.trusted:
            front.bounds.comes_from(self, front.proxies.counted_as(self._peer()))
        front.bounds.waits(self)
        self._wait_for_head()

    def _wait_for_head(self) -> None:
        """The next request, part of which may be here; others come first."""
        if self._writing_paused:
            return
        self.deadline = self._loop.time() + self._front.bounds.limits.idle
        self.read_on()
        if self._buffer:
            self._loop.call_soon(self._go_on)

    def _pause(self) -> None:
        self._reading_paused = True
        if self._transport.is_reading():
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Listen again, if nobody does."""
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def _go_on(self) -> None:
        if self._phase is HEAD and self._buffer and not self._writing_paused and not self._transport.is_closing():
            self._read()

    def _wait_with(self, size: int) -> None:
        """What comes before the last answer is out waits, and nothing more is read."""
        self._pause()
        if not self._front.bounds.hold(self, self.held + size):
            self._transport.abort()

    def _wait_for_body(self, size: int) -> None:
        bounds = self._front.bounds
        if not self.held:
            self.deadline = self._loop.time() + bounds.limits.body
            bounds.sends(self)
        if bounds.hold(self, max(size, 1)):
            self._pause()
            bounds.rounds.wait(self)
        else:
            self._refuse(Refused(FULL, "too much is waiting: send it again", RETRY))

    @property
    def place(self) -> tuple[str, bool]:
        """Where it waits for a turn: with those of its address, who come for the first time not behind the others."""
        return self.address, self.refused

    def _queue(self, pause: float) -> None:
        """Wait for a turn, which lasts `pause` seconds, before the request is looked at whose head has been read."""
        bounds, size = self._front.bounds, len(self._buffer)
        self._phase, self.deadline = QUEUED, self._loop.time() + bounds.limits.body
        bounds.sends(self)
        if bounds.hold(self, size):
            bounds.turns.wait(self, pause)
        else:
            self._refuse(Refused(FULL, "too much is waiting: send it again", RETRY))

    def _peer(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else ""
