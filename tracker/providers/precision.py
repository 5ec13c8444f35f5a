"""How finely a provider's time is told: for the second, it may have been at any moment of that second."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

EXACT, MILLISECOND = timedelta(0), timedelta(milliseconds=1)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TOLD = re.compile(r"\d{1,2}:\d{2}(:\d{2}(?:[.,](\d+))?)?", re.ASCII)
THOUSANDS = 10**11


def unit_of(found: Any) -> timedelta:
    """The unit in which a time was told that could be read."""
    if found.__class__ is str and not found.isdecimal():
        told = TOLD.search(found)
        if told is None:
            return EXACT
        digits = len(told[2] or "")
        return MINUTE if told[1] is None else timedelta(seconds=10.0**-digits) if digits < len("123456") else EXACT
    if isinstance(found, float) or not str(found).isdecimal():
        return EXACT
    return MILLISECOND if int(found) >= THOUSANDS else SECOND
