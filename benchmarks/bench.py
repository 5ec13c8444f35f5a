"""What every part is given: the store, how much to measure, and somebody to tell how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.comparing import Comparison, Side, alternate

if TYPE_CHECKING:
    from benchmarks.stores import Store


def tell_aside(text: str) -> None:
    """On standard error: it is no part of the answer."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Bench:
    """`seconds` is about how long one run of a side takes; `events` is how many to store, where a part stores many."""

    store: Store
    runs: int = 3
    seconds: float = 8.0
    events: Sequence[int] = ()
    connections: int = 64
    tell: Callable[[str], None] = field(default=tell_aside)

    def many(self, per_second: float) -> int:
        """How many of something to do in one run, where a common machine does so many a second."""
        return max(20, round(self.seconds * per_second))

    def alternate(self, part: str, title: str, sides: Sequence[Side]) -> Comparison:
        """Every side once, then all once more."""
        return alternate(part, title, sides, self.runs, self.tell)
