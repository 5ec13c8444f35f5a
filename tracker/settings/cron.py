"""Cron lines as Debian's cron reads them, which is the business of a library; what they mean is `domain.cron`'s."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError

from tracker.domain.cron import ANY, LAST, LAST_DAY, LAST_WORKDAY, Cron
from tracker.errors import did_you_mean

FORM = 'minute hour day month weekday, as in "0 4 * * *"'

FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day", "1 to 31, L (the last) or LW (the last from Monday to Friday)"),
    ("month", "1 to 12 or jan to dec"),
    ("weekday", "0 to 7 or sun to sat (0 and 7 are Sunday), fri#2 (the second of the month) or 5L (the last Friday)"),
)
"""What may stand in each."""

PARTS = "Write one of them, a list (1,3), a range from the lower one to the higher (1-5), or steps (*/15)"

NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

LONGEST = 200
"""Characters of a line."""

SOMETIME = datetime(2000, 1, 1, tzinfo=UTC)
"""A line that does not come within 50 years of this never comes: the calendar is the same again after 28."""


@lru_cache(maxsize=256)
def parse_cron(line: str, zone: str) -> Cron:
    """The line in that zone; raises ValueError, whose text tells what is wrong with it and what to write."""
    if len(line) > LONGEST:
        raise ValueError(f"is not a cron line: it is longer than {LONGEST} characters; write {FORM}")
    fields = _fields(line)
    try:
        read = CronSim(" ".join(fields), SOMETIME)
    except (CronSimError, ValueError) as error:
        raise ValueError(f'"{line}" never comes: no month of the line has that many days') from error
    cron = Cron(
        line, zone, tuple(sorted(read.minutes)), tuple(sorted(read.hours)), frozenset(map(_day, read.days)),
        frozenset(read.months), frozenset(map(_weekday, read.weekdays)), not read.day_and,
        any(field.startswith("*") for field in fields[:2]),
    )  # fmt: skip
    if not cron.after(SOMETIME):
        raise ValueError(f'"{line}" never comes: no day fits the day, the month and the weekday together')
    return cron


def _fields(line: str) -> list[str]:
    """The five, each of which can be read."""
    if line.strip().startswith("@"):
        name = line.strip().lower()
        if name not in NAMED:
            near = did_you_mean(name, NAMED)
            raise ValueError(f'"{line}" is not a cron line{near}: write {FORM}, or one of {", ".join(NAMED)}')
        return NAMED[name].split()
    fields = line.split()
    if len(fields) != len(FIELDS):
        near = did_you_mean(f"@{line}", NAMED)
        raise ValueError(
            f'"{line}" is not a cron line: it has {len(fields)} field{"s" * (len(fields) != 1)}, not five: {FORM}{near}'
        )
    faults = [fault for place, field in enumerate(fields) if (fault := _fault(place, field))]
    if faults:
        raise ValueError(f'"{line}" is not a cron line: {"; ".join(faults)}. {PARTS}')
    return fields


def _fault(place: int, field: str) -> str:
    """What is wrong with a field, read by itself; "" where nothing is."""
    alone = ["*"] * len(FIELDS)
    alone[place] = field
    try:
        CronSim(" ".join(alone), SOMETIME)
    except (CronSimError, ValueError):
        name, wanted = FIELDS[place]
        return f'"{field}" is no {name}, which is * or {wanted}'
    return ""


def _day(read: int) -> int:
    return {CronSim.LAST: LAST_DAY, CronSim.LAST_WEEKDAY: LAST_WORKDAY}.get(read, read)


def _weekday(read: int | tuple[int, int]) -> tuple[int, int]:
    day, which = read if isinstance(read, tuple) else (read, ANY)
    return day % 7, LAST if which == CronSim.LAST else which
