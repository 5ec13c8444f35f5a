"""Turns for those for whom nothing speaks yet: all of them together take up a bounded part of the time.

Whoever has just been refused on its connection, and whoever asks without a key, is answered when it is its turn: at
once where nobody else has asked just now, and beside a flood after as many of the same address as wait already. Of
bodies that do not come at once, a few are read in each round of the event loop. So whoever delivers what is authentic
waits for few of them, however many there are.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

PAUSE = 0.002
"""Seconds from one turn to the next: what one request of the application takes may come five times."""
REST = 9
"""So many times as long as it took to refuse somebody, nobody else has a turn."""
READ_AT_ONCE = 2


class Waiting(Protocol):
    """Who waits for a turn; `address` stays the same as long as it does."""

    @property
    def address(self) -> Hashable:
        """From where it asks: each address has a turn before any has its second."""

    def take_turn(self) -> None:
        """Its request is answered now."""

    def read_on(self) -> None:
        """More of its body is read now."""


class Rounds:
    """All whose bodies are on the way."""

    def __init__(self) -> None:
        self._waiting: dict[Waiting, None] = {}
        self._is_going_on = False

    def wait(self, one: Waiting) -> None:
        """Have more of its body read, in one of the next rounds."""
        self._waiting[one] = None
        if not self._is_going_on:
            self._is_going_on = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def leave(self, one: Waiting) -> None:
        """It waits no longer; may be said of one that does not."""
        self._waiting.pop(one, None)

    def _go_on(self) -> None:
        for one in [*islice(self._waiting, READ_AT_ONCE)]:
            del self._waiting[one]
            one.read_on()
        self._is_going_on = bool(self._waiting)
        if self._is_going_on:
            asyncio.get_running_loop().call_soon(self._go_on)


class Turns:
    """All who wait for an answer."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, dict[Waiting, None]] = {}
        self._next = -inf
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, one: Waiting) -> None:
        """Have it take its turn, at once if nobody waits and the last one is long enough ago."""
        self._waiting.setdefault(one.address, {})[one] = None
        if self._timer is None:
            self._pass_on()

    def leave(self, one: Waiting) -> None:
        """It waits no longer; may be said of one that does not."""
        if waiting := self._waiting.get(one.address):
            waiting.pop(one, None)
            if not waiting:
                del self._waiting[one.address]

    def took(self, seconds: float) -> None:
        """So long it took to find out that somebody is to be refused."""
        self._next = max(self._next, asyncio.get_running_loop().time()) + REST * seconds

    def _pass_on(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if not self._waiting:
            return
        if (pause := self._next - loop.time()) <= 0:
            address, waiting = next(iter(self._waiting.items()))
            one = next(iter(waiting))
            self.leave(one)
            if waiting:
                self._waiting[address] = self._waiting.pop(address)
            self._next = loop.time() + (pause := PAUSE)
            one.take_turn()
        if self._waiting:
            self._timer = loop.call_later(pause, self._pass_on)
