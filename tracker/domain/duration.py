"""Spans of time as people write them: "90s", "15m", "1h30m", "2d"."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

TOLERANCE = timedelta(minutes=1)
"""Clocks of nodes may differ by so much."""


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether what has happened at that moment was dated by a clock that was ahead."""
    return moment > now + TOLERANCE


FORMS = 'a number and a unit (ms, s, m, h, d, w), as in "90s", "15m", "2d" or "1h30m"'

LONGEST = timedelta(days=36500)
"""A hundred years: what is longer is a slip, and would lead out of the calendar."""

_SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d{1,9})(ms|[wdhms])", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The span that `text` names; raises ValueError, whose text tells the accepted forms."""
    parts = _PART.findall(text.strip())
    units = [unit for _, unit in parts]
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f'"{text}" is not a duration: write {FORMS}')
    if units != sorted(set(units), key=list(_SECONDS).index):
        raise ValueError(f'"{text}" is not a duration: each unit once, the largest first, as in "1h30m"')
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise ValueError(f'"{text}" is too long: the longest duration is {LONGEST.days}d')
    return timedelta(seconds=seconds)


def format_duration(span: timedelta) -> str:
    """The shortest text that `parse_duration` reads as `span`, to the millisecond: "1h30m", "0s"; none is negative."""
    left, text = round(span / timedelta(milliseconds=1)), ""
    for unit in ("d", "h", "m", "s", "ms"):
        number, left = divmod(left, round(_SECONDS[unit] * 1000))
        text += f"{number}{unit}" if number else ""
    return text or "0s"
