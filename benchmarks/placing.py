"""Which cores who runs on: what is measured has one for itself, and Postgres and the generator share the others."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENOUGH = 2


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


_ALL = _cores()
IS_PINNED = len(_ALL) >= ENOUGH
MEASURED = frozenset(_ALL[:1]) if IS_PINNED else frozenset(_ALL)
OTHERS = frozenset(_ALL[1:]) if IS_PINNED else frozenset(_ALL)


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """What is started within the block runs on these cores, as does this process meanwhile."""
    if not IS_PINNED:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def placed() -> str:
    """For the report."""
    if not IS_PINNED:
        return "nothing is pinned to a core"
    rest = f"the other{'s' if len(OTHERS) > 1 else ''}"
    return f"pinned: what is measured has one core, Postgres and the load generator share {rest}"
