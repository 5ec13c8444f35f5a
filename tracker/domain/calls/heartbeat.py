"""A provider's rhythm: for how long it may be silent before that is worth a word."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

HOUR = timedelta(hours=1)
LEARNT_FROM = timedelta(days=14)
LEAST_KNOWN = timedelta(days=2)
"""A rhythm is not told from less; a week-end is part of it once it was seen."""

SHORTEST = timedelta(hours=2)


def patience(hours: Sequence[datetime]) -> timedelta | None:
    """How long a silence is usual, and half as long again; None while too little is known.

    `hours` are the hours (their beginnings, ascending) in which something arrived, of the last LEARNT_FROM.
    """
    if not hours or hours[-1] - hours[0] < LEAST_KNOWN:
        return None
    longest = max(later - earlier for earlier, later in pairwise(hours))
    return max(longest * 3 / 2, SHORTEST)


def is_silent(hours: Sequence[datetime], heard_at: datetime, now: datetime, fixed: timedelta | None = None) -> bool:
    """Whether nothing has come for longer than it may; `fixed` is what somebody has set instead of the rhythm."""
    allowed = fixed or patience(hours)
    return allowed is not None and now - heard_at > allowed
