"""A provider's clock, by how its times differ from their arrival: a little ahead, or evidently in another zone."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

HALF_HOUR, CLOSE, TOLERATED = timedelta(minutes=30), timedelta(minutes=5), timedelta(seconds=1)
HOURS = range(-12, 15)
ENOUGH = 5
"""With fewer events nothing is evident."""


class ProviderClock(Struct, frozen=True):
    """Of so many recent events `told` a time; `ahead` of them one that was more than a second after their arrival.

    `largest` is the farthest of these, `usual` the middle of all differences (negative: behind the arrival), and
    between `low` and `high` is the middle half of them.
    """

    provider: str
    told: int
    ahead: int
    largest: timedelta
    usual: timedelta
    low: timedelta
    high: timedelta

    @property
    def off_by(self) -> timedelta | None:
        """The whole half hours by which most of its times are off; None where they are not."""
        off = HALF_HOUR * round(self.usual / HALF_HOUR)
        if not off or self.told < ENOUGH or abs(self.low - off) > CLOSE or abs(self.high - off) > CLOSE:
            return None
        return off


def zone_east_by(off: timedelta) -> str:
    """The name of a zone that is so far ahead of UTC; empty where only a place has such a one."""
    hours, rest = divmod(off, timedelta(hours=1))
    return f"Etc/GMT{-hours:+d}" if not rest and hours in HOURS else ""
