"""Waiting for what is to come about: the one poll of the tests, always with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, overload

PAUSE = 0.01

T = TypeVar("T")
What = str | Callable[[], str]
"""What is waited for, or what is to be said of it when time is over."""


@overload
async def until(condition: Callable[[], Awaitable[T]], what: What = "", seconds: float = 60) -> T: ...
@overload
async def until(condition: Callable[[], T], what: What = "", seconds: float = 60) -> T: ...
async def until(condition: Callable[[], Any], what: What = "", seconds: float = 60) -> Any:
    """The first answer of the condition that is true."""
    try:
        async with asyncio.timeout(seconds) as deadline:
            while True:
                answer = condition()
                if found := await answer if isawaitable(answer) else answer:
                    return found
                await asyncio.sleep(PAUSE)
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise _too_late(what, seconds) from error


def wait_until(condition: Callable[[], T], what: What = "", seconds: float = 60) -> T:
    """The same, where there is no event loop."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise _too_late(what, seconds)
        time.sleep(PAUSE)
    return found


def _too_late(what: What, seconds: float) -> AssertionError:
    return AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")
