"""Turns for those for whom nothing speaks yet: all of them together take up a bounded part of the time.

Whoever has just been refused on its connection, or comes from where much was refused lately, and whoever asks without a
key, is answered when it is its turn: at once where nobody else has asked just now, and beside a flood after those that
wait in the same place. Of bodies that do not come at once, a few are read in each round of the event loop. So whoever
delivers what is authentic waits for few of them, however many there are.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

PAUSE = 0.002
"""Seconds from one turn to the next where the application is asked: some five times as long as it works for it."""
REST = 9
"""So many times as long as it took to refuse somebody, nobody else has a turn."""
READ_AT_ONCE = 2
EACH, LENIENT, LONGEST = 0.01, 0.2, 2.0
"""Seconds: what each refusal puts an address into debt, how much of it is overlooked, and the most there can be."""
MOST_DEBTS = 1000


class Waiting(Protocol):
    """Who waits for a turn; its `place` stays the same as long as it does."""

    @property
    def place(self) -> Hashable:
        """Where it waits: each place has a turn before any has its second."""

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
        self._waiting: dict[Hashable, dict[Waiting, float]] = {}
        self._debts: dict[Hashable, float] = {}
        """Until when, by the loop's clock, what comes from an address waits, if it is longer than is overlooked."""
        self._next = -inf
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, one: Waiting, pause: float = PAUSE) -> None:
        """Have it take its turn, at once if nobody waits and the last one is over; its own lasts `pause` seconds."""
        self._waiting.setdefault(one.place, {})[one] = pause
        if self._timer is None:
            self._pass_on()

    def leave(self, one: Waiting) -> None:
        """It waits no longer; may be said of one that does not."""
        if waiting := self._waiting.get(one.place):
            waiting.pop(one, None)
            if not waiting:
                del self._waiting[one.place]

    def are_owed_by(self, address: Hashable) -> bool:
        """Whether so much of what came from there was refused lately that what is new from there waits, too."""
        debt = self._debts.get(address)
        return debt is not None and debt - asyncio.get_running_loop().time() > LENIENT

    def refused(self, address: Hashable, seconds: float) -> None:
        """It took so many seconds to find out that somebody is to be refused."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now) + REST * seconds
        self._debts[address] = min(max(self._debts.get(address, now), now) + EACH, now + LONGEST)
        if len(self._debts) > MOST_DEBTS:
            self._debts = {other: debt for other, debt in self._debts.items() if debt > now + EACH}

    def _pass_on(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if not self._waiting:
            return
        if self._next <= loop.time():
            place, waiting = next(iter(self._waiting.items()))
            one, pause = next(iter(waiting.items()))
            self.leave(one)
            if waiting:
                self._waiting[place] = self._waiting.pop(place)
            self._next = loop.time() + pause
            one.take_turn()
        if self._waiting and self._timer is None:
            self._timer = loop.call_later(max(self._next - loop.time(), 0), self._pass_on)
