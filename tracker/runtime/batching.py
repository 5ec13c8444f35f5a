"""Batching: what waits is written at once, and where one of it is poison, halves find out which."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from tracker.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")
Attempt = Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]
OnResult = Callable[[R | Exception], None]


class Batcher(Generic[T, R]):
    """What waits to be written, each item with who is told what came of it: once, and not before it is certain.

    Writers may overlap: each takes the `most` that have waited longest. `what` is written is named in errors.
    """

    def __init__(
        self, what: str, most: int, poison: type[Exception] = Exception, weigh: Callable[[T], int] = lambda _: 0
    ) -> None:
        self._what, self._most, self._poison, self._weigh = what, most, poison, weigh
        self._waiting: deque[tuple[T, OnResult[R]]] = deque()
        self.weight = 0
        """Of all that waits."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, item: T, on_result: OnResult[R]) -> None:
        """Take the item; `on_result` gets what became of it, or Unavailable, or the error that it alone leads to."""
        self._waiting.append((item, on_result))
        self.weight += self._weigh(item)

    async def write(self, attempt: Attempt[T, R]) -> None:
        """Write one batch; raises, after who waits for it was told, what kept it from being written."""
        batch = self._take(self._most)
        try:
            results = await bisect([item for item, _ in batch], attempt, self._poison)
        except BaseException as error:
            for _, on_result in batch:
                on_result(Unavailable(f"{self._what} could not be written: {error}"))
            raise
        for (_, on_result), result in zip(batch, results, strict=True):
            on_result(result)

    def refuse(self, error: Unavailable) -> None:
        """Tell all who wait."""
        for _, on_result in self._take(len(self)):
            on_result(error)

    def _take(self, most: int) -> list[tuple[T, OnResult[R]]]:
        batch = [self._waiting.popleft() for _ in range(min(len(self), most))]
        self.weight -= sum(self._weigh(item) for item, _ in batch)
        return batch


async def bisect(
    items: Sequence[T],
    attempt: Attempt[T, R],
    poison: type[Exception] = Exception,
    passing: tuple[type[Exception], ...] = (Unavailable,),
) -> list[R | Exception]:
    """What `attempt` makes of each item, in their order; in the place of one that it fails on alone, the error.

    It leaves nothing behind when it raises. An error that is no `poison`, or is `passing`, is the fault of no item, and
    is raised.
    """
    try:
        return [*await attempt(items)]
    except passing:
        raise
    except poison as error:
        if len(items) == 1:
            return [error]
    half = len(items) // 2
    first = await bisect(items[:half], attempt, poison, passing)
    return first + await bisect(items[half:], attempt, poison, passing)


def settle(waiting: asyncio.Future[R], result: R | Exception) -> None:
    """End the wait of who has not given up."""
    if waiting.done():
        return
    if isinstance(result, Exception):
        waiting.set_exception(result)
    else:
        waiting.set_result(result)
