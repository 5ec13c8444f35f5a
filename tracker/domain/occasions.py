"""Which occasions of a schedule are due, whatever the alarm did and the clock does."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

from tracker.domain.calendar import Interval
from tracker.domain.cron import Cron

Schedule = Interval | Cron
Missed = Literal["coalesce", "catch_up", "skip"]

MOST = 100
"""So many occasions are caught up with, the latest ones."""

LOOKED_BACK = (*(timedelta(days=days) for days in (1 / 24, 1, 7, 35)), timedelta(days=366))
"""How far back they are looked for, further only where too few were found; what is older is let go."""

LATE = timedelta(minutes=1)
"""An occasion that is older was missed."""


def due(schedule: Schedule, missed: Missed, last: datetime | None, now: datetime) -> list[datetime]:
    """The occasions to take now, the earliest first; `last` is the latest that was taken."""
    since = last or now - schedule.reach
    if missed == "catch_up":
        return latest(schedule, since, now, MOST)
    found = latest(schedule, since, now, 1)
    return [moment for moment in found if now - moment <= LATE] if missed == "skip" else found


def latest(schedule: Schedule, since: datetime, until: datetime, most: int) -> list[datetime]:
    """The latest occasions after `since` and not after `until`, at most so many of them."""
    since = max(since, until - LOOKED_BACK[-1])
    found: deque[datetime] = deque(maxlen=most)
    for span in LOOKED_BACK:
        begin = max(since, until - span)
        found.clear()
        found.extend(takewhile(lambda moment: moment <= until, schedule.occasions(begin)))
        if len(found) == most or begin == since:
            break
    return list(found)
