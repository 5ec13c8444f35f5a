"""Batching: what waits is written at once, and where one of it is poison, halves find out which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tracker.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")
Attempt = Callable[[Sequence[T]], Awaitable[Sequence[R]]]


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
