"""Whether something stays flat over many minutes: the last third beside the first, after a minute to warm up."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST = 4


@dataclass(frozen=True)
class Trend:
    """The middle of the first and of the last third; a series that is too short has none."""

    what: str
    first: float
    last: float
    factor: float
    slack: float

    @property
    def is_flat(self) -> bool:
        """It may grow by so many times, and by so much besides."""
        return math.isfinite(self.last) and self.last <= self.first * self.factor + self.slack

    def __str__(self) -> str:
        word = "flat" if self.is_flat else "NOT FLAT"
        return f"{self.what}: {word}, {self.first:,.1f} in the first third, {self.last:,.1f} in the last"


def trend(what: str, minutes: Sequence[float], factor: float, slack: float) -> Trend | None:
    """What a series comes to."""
    if len(minutes) < SHORTEST:
        return None
    settled = minutes[1:]
    third = max(1, len(settled) // 3)
    return Trend(what, statistics.median(settled[:third]), statistics.median(settled[-third:]), factor, slack)
