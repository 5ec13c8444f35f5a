"""Batching: who waits is told once what became of their item, and one that is poison spoils no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import Unavailable
from tracker.runtime.batching import Batcher, bisect

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.anyio


class Poison(Exception):
    """What one item may lead to."""


class Page:
    """Takes numbers, all of a batch or none; some of them it cannot take."""

    def __init__(self, poison: set[int], error: type[Exception] = Poison) -> None:
        self.poison, self.error, self.taken = poison, error, list[int]()

    async def take(self, items: Sequence[int]) -> list[str]:
        if spoilt := self.poison & {*items}:
            raise self.error(min(spoilt))
        self.taken += items
        return [f"took {item}" for item in items]


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_all_but_the_poison_is_taken_once_in_order_and_each_has_its_own_result(many: int, poison: set[int]) -> None:
    page = Page(poison)
    results = asyncio.run(bisect(range(many), page.take))
    good = [item for item in range(many) if item not in poison]
    assert page.taken == good
    assert [str(one) for one in results] == [str(item) if item in poison else f"took {item}" for item in range(many)]
    assert {item for item, one in enumerate(results) if isinstance(one, Poison)} == poison & {*range(many)}


@pytest.mark.parametrize(("error", "poison"), [(Unavailable, Exception), (RuntimeError, Poison)])
async def test_what_is_the_fault_of_no_item_is_raised_and_sought_in_none(
    error: type[Exception], poison: type[Exception]
) -> None:
    page = Page({3}, error)
    with pytest.raises(error):
        await bisect(range(8), page.take, poison)
    assert page.taken == []


async def test_each_who_waits_is_told_what_became_of_it_and_only_then() -> None:
    batcher: Batcher[int, str] = Batcher("it", 3, Poison, lambda item: item)
    page, told = Page({2}), list[tuple[int, str]]()
    for item in range(5):
        batcher.add(item, lambda result, item=item: told.append((item, str(result))))  # type: ignore[misc]
    assert (len(batcher), batcher.weight, told) == (5, 10, [])
    await batcher.write(page.take)
    assert (len(batcher), batcher.weight) == (2, 7)
    assert told == [(0, "took 0"), (1, "took 1"), (2, "2")]
    batcher.refuse(Unavailable("over"))
    assert (len(batcher), batcher.weight) == (0, 0)
    assert told[3:] == [(3, "over"), (4, "over")]


async def test_writers_that_overlap_share_what_waits() -> None:
    batcher: Batcher[int, str] = Batcher("it", 2)
    written, may_end = list[list[int]](), asyncio.Event()

    async def write(items: Sequence[int]) -> Sequence[str]:
        written.append([*items])
        await may_end.wait()
        return [str(item) for item in items]

    told: list[object] = []
    for item in range(4):
        batcher.add(item, told.append)
    async with asyncio.TaskGroup() as writers:
        writers.create_task(batcher.write(write))
        writers.create_task(batcher.write(write))
        while len(batcher):
            await asyncio.sleep(0)
        may_end.set()
    assert written == [[0, 1], [2, 3]]
    assert told == ["0", "1", "2", "3"]


async def test_who_waits_for_a_batch_that_is_called_off_hears_that_it_was_not_written() -> None:
    batcher: Batcher[int, str] = Batcher("the page", 9)
    begun, told = asyncio.Event(), list[object]()

    async def write(items: Sequence[int]) -> Sequence[str]:
        begun.set()
        await asyncio.Event().wait()
        return ["" for _ in items]

    batcher.add(1, told.append)
    writing = asyncio.create_task(batcher.write(write))
    await begun.wait()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert [type(one) for one in told] == [Unavailable]
    assert "the page could not be written" in str(told[0])
