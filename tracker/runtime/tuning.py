"""The event loop of what works long: the quicker one, where there is one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What the work comes to, in an event loop of its own."""
    with asyncio.Runner(loop_factory=_quicker()) as runner:
        return runner.run(work)


def _quicker() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):
        from uvloop import new_event_loop  # noqa: PLC0415  (it is not made for Windows)

        return new_event_loop
    return None
