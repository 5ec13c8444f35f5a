"""What strangers may take up: connections, in all and for one address, bytes that wait, and time.

Where there is no more room, whoever has waited longest without having said all it has to say gives way. So idle and
half-sent connections, however many, keep out nobody whose request comes whole.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tracker.runtime.http_server.turns import Rounds, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

SHARE_AT_LEAST = 4
"""Of all descriptors, one in so many is for connections, however much the work may need."""
LOOKS = 4
"""How often, within the shortest of the deadlines, one looks whether any has passed."""
MOST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, connections, and seconds: `header` from a request's first byte, `body` from its head, `idle` between two.

    `stalled` is how long an answer may wait for somebody who does not read it. `largest` is what one body counts at
    most: of what is larger, no more than that is kept anywhere.
    """

    connections: int = 4000
    per_address: int = 3000
    waiting_bytes: int = 32 * 2**20
    largest: int = 2**20
    header: float = 10.0
    body: float = 30.0
    idle: float = 75.0
    stalled: float = 60.0


class Occupant(Protocol):
    """One connection, as far as the bounds know it.

    `address` is empty for a proxy of ours, `deadline` is by the loop's clock, `known` is who has been answered before.
    """

    address: str
    held: int
    deadline: float
    known: bool

    @property
    def place(self) -> Hashable:
        """Where it waits for a turn."""

    def give_way(self) -> None:
        """Make room; it says that it has left by itself."""

    def late(self) -> None:
        """Its deadline has passed."""

    def take_turn(self) -> None:
        """Its request is answered now."""

    def read_on(self) -> None:
        """More of its body is read now."""


def connections_within(most: int, reserve: int) -> int:
    """How many connections may be open while the process keeps `reserve` descriptors; it takes what it may have."""
    try:
        import resource  # noqa: PLC0415  (it is not made for Windows)
    except ImportError:
        return most
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + reserve
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return most
    possible = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
        soft = possible
    return max(1, min(most, max(soft // SHARE_AT_LEAST, soft - reserve)))


class Bounds:
    """All who are connected; `held` is the sum of the bytes that wait."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.held = limits, 0
        self._everyone: dict[Occupant, None] = {}
        self._by_address: Counter[str] = Counter()
        self._strangers: dict[Occupant, None] = {}
        self._between: dict[Occupant, None] = {}
        self._sending: dict[Occupant, None] = {}
        self._ending: dict[Occupant, None] = {}
        self._looking: asyncio.TimerHandle | None = None
        self.turns, self.rounds = Turns(), Rounds()

    def enter(self, one: Occupant) -> bool:
        """Whether there is room for one more; somebody who waits makes some."""
        limits = self.limits
        if (
            one.address
            and self._by_address[one.address] >= limits.per_address
            and not self._make_room(lambda other: other.address == one.address)
        ):
            return False
        if len(self._everyone) >= limits.connections and not self._make_room(lambda _: True):
            return False
        self._everyone[one] = None
        self._by_address[one.address] += 1
        self._strangers[one] = None
        if self._looking is None:
            self._look_later()
        return True

    def leave(self, one: Occupant) -> None:
        """It is no longer connected, or will not be; may be said again."""
        if one in self._everyone:
            del self._everyone[one]
            self._forget_address(one.address)
        self._wait_no_longer(one)
        self.hold(one, 0)
        for places in (self._strangers, self._between, self._sending, self._ending):
            places.pop(one, None)

    def comes_from(self, one: Occupant, address: str) -> bool:
        """A proxy has told who asks: from now on it is counted there; whether there is room."""
        if address == one.address:
            return True
        self._forget_address(one.address)
        one.address = address
        self._by_address[address] += 1
        return not address or self._by_address[address] <= self.limits.per_address

    def waits(self, one: Occupant) -> None:
        """Its next request has not begun, or its head is not whole."""
        self._sending.pop(one, None)
        (self._between if one.known else self._strangers)[one] = None

    def works(self, one: Occupant) -> None:
        """Its request is whole, and is being answered."""
        self._strangers.pop(one, None)
        self._between.pop(one, None)
        self._sending.pop(one, None)

    def sends(self, one: Occupant) -> None:
        """Its body is on the way."""
        self.works(one)
        self._sending[one] = None

    def ends(self, one: Occupant) -> None:
        """It has been told all that it will be, and has not hung up yet."""
        self.works(one)
        self._wait_no_longer(one)
        self.hold(one, 0)
        self._ending[one] = None

    def hold(self, one: Occupant, size: int) -> bool:
        """It holds so many bytes now; whether there is room for them, be it by others' giving way."""
        self.held += size - one.held
        grows, one.held = size > one.held, size
        while grows and self.held > self.limits.waiting_bytes:
            heaviest = self._heaviest()
            if heaviest is None or heaviest is one:
                return False
            heaviest.give_way()
        return True

    def _wait_no_longer(self, one: Occupant) -> None:
        self.turns.leave(one)
        self.rounds.leave(one)

    def _forget_address(self, address: str) -> None:
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _make_room(self, fits: Callable[[Occupant], bool]) -> bool:
        """Strangers first, then those whose body is on the way, and at last those who have been answered before."""
        for places in (self._ending, self._strangers, self._sending, self._between):
            for other in places:
                if fits(other):
                    other.give_way()
                    return True
        return False

    def _heaviest(self) -> Occupant | None:
        """The longest waiting among those whose bodies are half sent, from the address that holds most."""
        sizes = Counter[str]()
        for one in self._sending:
            sizes[one.address] += one.held
        if not sizes:
            return None
        ((address, _),) = sizes.most_common(1)
        return next(one for one in self._sending if one.address == address)

    def _look_later(self) -> None:
        limits = self.limits
        pause = min(MOST_SECONDS, min(limits.header, limits.body, limits.idle, limits.stalled) / LOOKS)
        self._looking = asyncio.get_running_loop().call_later(pause, self._look)

    def _look(self) -> None:
        """Let go whose time is over."""
        self._looking = None
        now = asyncio.get_running_loop().time()
        for one in [one for one in self._everyone if one.deadline < now]:
            one.late()
        if self._everyone:
            self._look_later()
