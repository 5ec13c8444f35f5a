"""The figures of the overview: what was published and what failed over a day, how fast, and what no webhook told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.queries import stats
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.store.database import Connection

SPAN, SLOT = timedelta(hours=24), timedelta(hours=1)
SLOTS = SPAN // SLOT

HEIGHT = 48
"""Of the chart; the highest bar is as high as that. A bar is a tenth of its slot's width away from the next."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: how much ended well and how much did not, and where its parts stand in the chart."""

    begin: datetime
    published: int
    failed: int
    x: float
    published_height: float
    failed_height: float

    @property
    def published_y(self) -> float:
        """From above."""
        return HEIGHT - self.published_height

    @property
    def failed_y(self) -> float:
        """It stands on what was published."""
        return self.published_y - self.failed_height


@dataclass(frozen=True, slots=True)
class Stats:
    """`pace` is published and failed by slot, the oldest first; `median` and `slowest` are seconds.

    `missed` are posts of which only asking told something, by provider.
    """

    since: datetime
    pace: tuple[tuple[int, int], ...]
    median: float | None
    slowest: float | None
    missed: Mapping[str, int]

    @property
    def published(self) -> int:
        """In all."""
        return sum(published for published, _ in self.pace)

    @property
    def failed(self) -> int:
        """In all, also those of which a part was published."""
        return sum(failed for _, failed in self.pace)

    @property
    def rate(self) -> float | None:
        """The share that failed, in percent."""
        return 100 * self.failed / (self.published + self.failed) if self.published + self.failed else None

    @property
    def bars(self) -> list[Bar]:
        """What the chart is drawn from, in a box of 240 by 48."""
        width, most = 240 / SLOTS, max((sum(slot) for slot in self.pace), default=0) or 1
        return [
            Bar(self.since + n * SLOT, published, failed, round(n * width, 2), *_heights(published, failed, most))
            for n, (published, failed) in enumerate(self.pace)
        ]


def _heights(published: int, failed: int, most: int) -> tuple[float, float]:
    return round(HEIGHT * published / most, 2), round(HEIGHT * failed / most, 2)


async def load_stats(conn: Connection, now: datetime) -> Stats:
    """The last 24 whole hours and the one that is under way."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    since, until = hour + SLOT - SPAN, hour + SLOT
    pace = await stats.pace(conn, since, until, SLOT)
    latency = await stats.latency(conn, since, until)
    missed = await overdue_posts.missed(conn, since, until)
    return Stats(
        since,
        tuple(pace.get(n, (0, 0)) for n in range(SLOTS)),
        latency.p50,
        latency.p90,
        {provider: one.posts for provider, one in sorted(missed.items())},
    )
