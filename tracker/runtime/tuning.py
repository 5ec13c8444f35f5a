"""How a process is tuned that works long: the quicker event loop, and garbage that is looked for seldom."""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

SELDOM = 10_000, 50, 1000
"""A look at the youngest takes as long as they are many, and nobody is answered meanwhile: requests of the API make
circles, and a hundred thousand of their parts took a quarter of a second. So that look is often and short, and only
those at what has lived on are seldom."""


@contextmanager
def collected_seldom() -> Iterator[None]:
    """What is there now is never looked at again, and what is made in the block only now and then."""
    before, inside_another = gc.get_threshold(), gc.get_freeze_count() > 0
    if not inside_another:
        gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not inside_another:
            gc.unfreeze()


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
