"""Who gives way where there is no room, and from which address somebody comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import pytest

from tracker.runtime.http_server import Bounds, Limits, Proxies, connections_within
from tracker.runtime.http_server.server_state import counted


@dataclass(eq=False)
class Somebody:
    """A connection that does nothing but give way."""

    bounds: Bounds
    address: str = "10.0.0.1"
    held: int = 0
    deadline: float = inf
    known: bool = False
    gone: list[str] = field(default_factory=list)

    def give_way(self) -> None:
        self.gone.append("gave way")
        self.bounds.leave(self)

    def late(self) -> None:
        self.gone.append("late")
        self.bounds.leave(self)

    @property
    def place(self) -> str:
        return self.address

    def read_on(self) -> None:
        raise AssertionError("it sends nothing")

    def take_turn(self) -> None:
        self.gone.append("took its turn")


def bounded(limits: Limits, act: Callable[[Bounds], None]) -> None:
    async def run() -> None:
        act(Bounds(limits))

    asyncio.run(run())


def test_the_one_that_has_waited_longest_gives_way_and_strangers_first() -> None:
    def act(bounds: Bounds) -> None:
        known, first, second, third = (Somebody(bounds, f"10.0.0.{number}") for number in range(4))
        known.known = True
        assert all(bounds.enter(one) for one in (known, first, second))
        bounds.works(known)
        bounds.waits(known)
        assert bounds.enter(third)
        assert (known.gone, first.gone, second.gone) == ([], ["gave way"], [])

    bounded(Limits(connections=3), act)


def test_who_is_being_answered_never_gives_way() -> None:
    def act(bounds: Bounds) -> None:
        busy = Somebody(bounds)
        assert bounds.enter(busy)
        bounds.works(busy)
        assert not bounds.enter(Somebody(bounds, "10.0.0.2"))
        bounds.leave(busy)
        assert bounds.enter(Somebody(bounds, "10.0.0.3"))

    bounded(Limits(connections=1), act)


def test_one_address_takes_up_no_more_than_its_share() -> None:
    def act(bounds: Bounds) -> None:
        other, *many = [Somebody(bounds, "10.0.0.2"), *(Somebody(bounds) for _ in range(5))]
        assert bounds.enter(other)
        assert all(bounds.enter(one) for one in many)
        assert [bool(one.gone) for one in (other, *many)] == [False, True, True, True, False, False]

    bounded(Limits(connections=100, per_address=2), act)


def test_beyond_the_bytes_the_slowest_body_of_whoever_holds_most_gives_way() -> None:
    def act(bounds: Bounds) -> None:
        modest, *greedy = [Somebody(bounds, "10.0.0.2"), *(Somebody(bounds) for _ in range(3))]
        for one in (modest, *greedy):
            assert bounds.enter(one)
            bounds.sends(one)
            assert bounds.hold(one, 40)
        assert [bool(one.gone) for one in (modest, *greedy)] == [False, True, False, False]
        assert bounds.held == 120
        bounds.works(modest)
        bounds.hold(modest, 0)
        assert bounds.held == 80

    bounded(Limits(waiting_bytes=120), act)


def test_what_alone_is_too_much_is_refused() -> None:
    def act(bounds: Bounds) -> None:
        one = Somebody(bounds)
        assert bounds.enter(one)
        bounds.works(one)
        assert not bounds.hold(one, 121)
        bounds.leave(one)
        assert bounds.held == 0

    bounded(Limits(waiting_bytes=120), act)


def test_the_work_keeps_its_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    taken: list[int] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: taken.append(both[0]))
    for soft, hard, reserve, wanted in (
        (1024, 1024, 616, 408),
        (1024, 1024, 5000, 256),
        (1024, 1300, 616, 684),
        (1024, 65_536, 616, 1000),
        (65_536, 65_536, 616, 1000),
        (-1, -1, 616, 1000),
    ):
        monkeypatch.setattr(resource, "getrlimit", lambda _, both=(soft, hard): both)
        assert connections_within(1000, reserve) == wanted
    assert taken == [1024, 1024, 1300, 1616]


@pytest.mark.parametrize(
    ("peer", "told", "wanted"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9:1234", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8:1:2:3::4]:1234", "2001:db8:1:2::/64"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
    ],
)
def test_only_a_trusted_proxy_is_asked_who_asks(peer: str, told: str, wanted: str) -> None:
    proxies = Proxies.named(["127.0.0.1", "10.1.0.0/16"])
    assert proxies.seen_through(peer, {"x-forwarded-for": told} if told else {}) == wanted
    assert Proxies().seen_through(peer, {"x-forwarded-for": told}) == counted(peer)


def test_whoever_has_one_address_of_ipv6_has_all_beside_it() -> None:
    assert counted("2001:db8::1") == counted("2001:db8::2") != counted("2001:db8:0:1::1")
