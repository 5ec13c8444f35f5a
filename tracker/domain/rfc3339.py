"""Times as RFC 3339 writes them, whole: letters in either case, seconds that leap, and any offset that there can be."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
LONGEST = 64
LEAP, LAST = "60", (23, 59)


def read_rfc3339(text: str) -> datetime:
    """The moment in UTC; raises ValueError. A second that leaps is the first one after it."""
    found = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise ValueError("not a time of RFC 3339")
    day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    leaps = second == LEAP
    local = datetime.fromisoformat(f"{day}T{hour}:{minute}:{'59' if leaps else second}+00:00")
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        moment = local + offset if sign == "-" else local - offset
        if not leaps:
            return moment.replace(microsecond=int((fraction or "")[:6].ljust(6, "0")))
        if (moment.hour, moment.minute) != LAST:
            raise ValueError("a second leaps only at the end of a day in UTC")
        return moment + timedelta(seconds=1)
    except OverflowError as error:
        raise ValueError("beyond the times that there are") from error


def read_moment(text: str) -> datetime:
    """The moment in UTC of such a time, or of another one of ISO 8601 that names its zone; raises ValueError."""
    try:
        return read_rfc3339(text)
    except ValueError:
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None or _FORM.fullmatch(text) or re.search(r"[+-]\d\d:?[6-9]\d$", text):
            raise
        try:
            return moment.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("beyond the times that there are") from error
