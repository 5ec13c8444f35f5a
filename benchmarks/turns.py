"""How a measured program and the one that measures it take turns; it needs nothing, so that any interpreter runs it.

For each round the program is told to prepare; it says "ready" and waits; told to go, it works, and says what it did.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREPARE, READY, GO, FIGURES = "prepare", "ready", "go", "figures "


def rounds(first: int = 0) -> Iterator[int]:
    """The number of each round, until there are no more."""
    number = first
    while sys.stdin.readline().strip() == PREPARE:
        yield number
        number += 1


def go() -> None:
    """Everything is prepared; returns when the clock runs."""
    print(READY, flush=True)
    sys.stdin.readline()


def done(count: int, **figures: float) -> None:
    """So many were done; the clock is read now, and until the next round nothing may happen.

    `children` are the CPU seconds of processes that it began for this, and that have ended.
    """
    print(FIGURES + json.dumps({"count": count, **figures}), flush=True)
