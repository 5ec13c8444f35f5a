"""The figures of a day, hour by hour, and where their columns stand in a chart."""

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
        """The top of the column of published posts, from above."""
        return HEIGHT - self.published_height

    @property
    def failed_y(self) -> float:
        """The top of the column of failed posts, which stands on that of published ones."""
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
        """How many posts were published in all."""
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
            Bar(self.since + n * SLOT, *ends, round(n * width, 2), *(round(HEIGHT * end / most, 2) for end in ends))
            for n, ends in enumerate(self.pace)
        ]


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
