"""How often somebody may be wrong: a bucket of tokens for each, which fills again with time."""

from __future__ import annotations

from collections import OrderedDict

from tracker.domain.rate import Rate

MOST_KNOWN = 10_000


class Throttle:
    """At most `rate.times` at once by each, and so many again in `rate.per`; time is given in seconds.

    Whoever has not been wrong for long is forgotten, and so is, where there are too many, who was wrong least lately.
    """

    def __init__(self, rate: Rate, most: int = MOST_KNOWN) -> None:
        self._size, self._each, self._most = rate.times, rate.per.total_seconds() / rate.times, most
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """When the bucket of each will be full again."""

    def wait(self, who: str, now: float) -> float:
        """How many seconds are left until it may be wrong again; 0 where it may now."""
        missing = (self._full_at.get(who, now) - now) / self._each
        return max(0.0, (missing - (self._size - 1)) * self._each)

    def wrong(self, who: str, now: float) -> None:
        """It was, once more."""
        self._full_at[who] = max(self._full_at.get(who, now), now) + self._each
        self._full_at.move_to_end(who)
        oldest = next(iter(self._full_at))
        if self._full_at[oldest] <= now or len(self._full_at) > self._most:
            del self._full_at[oldest]

    def __len__(self) -> int:
        return len(self._full_at)
