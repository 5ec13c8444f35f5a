"""What a clock that was wrong leaves behind: moments that are still to come once it is right."""

from __future__ import annotations

from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=1)
"""Clocks of nodes may differ by so much."""


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether what has happened at that moment was dated by a clock that was ahead."""
    return moment > now + TOLERANCE
