"""Who has nothing to show waits for a turn: one after the other, and each address before another has its second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from tests.waiting import until
from tracker.runtime.http_server.turns import EACH, LENIENT, PAUSE, REST, Turns

pytestmark = pytest.mark.anyio


@dataclass(eq=False)
class Somebody:
    """Who notes in what order turns were taken, and when."""

    place: str
    order: list[tuple[str, float]] = field(default_factory=list)

    def read_on(self) -> None:
        raise AssertionError("it sends nothing")

    def take_turn(self) -> None:
        self.order.append((self.place, asyncio.get_running_loop().time()))


async def test_the_first_waits_for_nothing_and_the_others_for_each_other() -> None:
    turns, order = Turns(), list[tuple[str, float]]()
    for _ in range(4):
        turns.wait(Somebody("a", order))
    assert len(order) == 1
    await until(lambda: len(order) == 4, "all had a turn")
    moments = [moment for _, moment in order]
    assert all(later - earlier >= PAUSE * 0.9 for earlier, later in pairwise(moments))


async def test_each_address_has_a_turn_before_any_has_its_second() -> None:
    turns, order = Turns(), list[tuple[str, float]]()
    for address in ("a", "a", "a", "a", "b", "c", "b"):
        turns.wait(Somebody(address, order))
    await until(lambda: len(order) == 7, "all had a turn")
    assert [address for address, _ in order] == ["a", "a", "b", "c", "a", "b", "a"]


async def test_whoever_has_left_costs_nobody_a_turn() -> None:
    turns, order = Turns(), list[tuple[str, float]]()
    gone = [Somebody("a", order) for _ in range(1000)]
    turns.wait(Somebody("a", order))
    for one in gone:
        turns.wait(one)
    last = Somebody("a", order)
    turns.wait(last)
    for one in gone:
        turns.leave(one)
        turns.leave(one)
    async with asyncio.timeout(1000 * PAUSE / 2):
        await until(lambda: len(order) == 2, "the last had its turn")


async def test_what_took_long_is_followed_by_a_rest() -> None:
    turns, order = Turns(), list[tuple[str, float]]()
    turns.wait(Somebody("a", order))
    turns.refused("b", 0.01)
    turns.wait(Somebody("a", order))
    await until(lambda: len(order) == 2, "both had a turn")
    assert order[1][1] - order[0][1] >= 0.01 * REST * 0.9


async def test_an_address_is_in_debt_when_much_from_there_was_refused_and_not_for_long() -> None:
    turns = Turns()
    for _ in range(round(LENIENT / EACH) - 2):
        turns.refused("a", 0)
    assert not turns.are_owed_by("a")
    for _ in range(4):
        turns.refused("a", 0)
    assert turns.are_owed_by("a")
    assert not turns.are_owed_by("b")
    await until(lambda: not turns.are_owed_by("a"), "it is forgiven", 5)
