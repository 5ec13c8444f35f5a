"""Times as providers write them: ISO 8601 and its relatives, numbers since 1970, mail's, JavaScript's, and tables.

Most are ISO 8601 as Python reads it, which is tried first. A date with slashes is read only where the year comes first:
of 11/12/2026 nobody can say what it means. Times before 2000 and from 2100 on are not believed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

FIRST_SECOND, LAST_SECOND = 946_684_800, 4_102_444_800
FIRST_YEAR, END_YEAR = 2000, 2100
SCALES = (1, 1_000, 1_000_000, 1_000_000_000)
"""Numbers are times in seconds, or in thousandths, millionths or billionths: only one falls into those years."""

LONGEST = 100
DAY, MINUTE, SECOND, EXACT = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(0)

ZEROES = ("0001-01-01", "1970-01-01", "0000-00-00")
"""How what has no time is written where nothing cannot be: no time is told, and none is unreadable."""

MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}  # fmt: skip
NAMED_HOURS = {
    "z": 0, "utc": 0, "gmt": 0, "ut": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7,
}  # fmt: skip
"""The zones that mail knows by name; other names mean different zones in different countries."""

MONTH, WEEKDAY = r"(?P<word>[a-z]{3})[a-z]*\.?", r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})\d*)?)?"
    r"(?:\s*(?P<half>[ap])\.?m\b\.?)?"
)
ZONE = (
    r"(?:\s*(?P<name>[a-z]{1,4})(?![a-z]))?"
    r"(?:\s*(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?(?::\d{2})?(?:\s+[a-z]{2,5}|\s+[+-]\d{2,4})?)?"
)
AFTER = rf"(?:(?:\s*t\s*|[\s_]+|,\s*|\s+at\s+){CLOCK}{ZONE})?"
FORMS = tuple(
    re.compile(WEEKDAY + form, re.ASCII)
    for form in (
        rf"(?P<year>\d{{4}})([-/.])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){AFTER}",
        rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}}){AFTER}",
        rf"(?P<day>\d{{1,2}})[\s-]{MONTH}[\s-](?P<year>\d{{2}}(?:\d{{2}})?),?{AFTER}",
        rf"{MONTH}\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}}){AFTER}",
        rf"{MONTH}\s+(?P<day>\d{{1,2}})\s+{CLOCK}{ZONE}\s+(?P<year>\d{{4}})",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})",
    )
)
NUMBER = re.compile(r"(\d{9,19})(?:[.,](\d{1,9})\d*)?", re.ASCII)
WRAPPED = re.compile(r"\\?/Date\((\d{9,19})(?:[+-]\d{4})?\)\\?/", re.ASCII)
"""How .NET writes milliseconds."""
BEHIND = re.compile(r"\s*(?:\[(!?[\w/+=-]+)\]|\(.*\)|m=[+-][\d.]+)$", re.ASCII)
"""What may follow a time: the name of its zone, words in brackets, or Go's other clock."""

USUAL = {20: SECOND, 24: timedelta(milliseconds=1), 27: EXACT}
"""The units of ISO 8601 in UTC, by how long the text is."""

TOLD = re.compile(r"\d{1,2}:\d{2}(:\d{2}(?:[.,](\d+))?)?", re.ASCII)
SECONDS, PARTS = ("_seconds", "seconds"), ("_nanoseconds", "nanoseconds", "nanos")


def time_of(found: Any, zone: tzinfo) -> datetime | None:
    """The time in UTC; None for what is no time. One that names no zone is taken to be in `zone`."""
    try:
        if found.__class__ is str:
            return _checked(_from_iso(found.strip(), zone) or _from_text(found.strip(), zone))
        if type(found) in (int, float):
            return _checked(_from_number(found))
        return _checked(_from_table(found, zone)) if isinstance(found, dict) else None
    except (ValueError, OverflowError):
        return None


def unit_of(found: Any) -> timedelta:
    """How fine a time that was read is told: for the second, it may have been at any moment of that second."""
    if found.__class__ is str and found[10:11] == "T" and found[-1:] == "Z" and len(found) in USUAL:
        return USUAL[len(found)]
    if isinstance(found, dict):
        inner = next((found[name] for name in ("$date", "$numberLong", "iso", "date") if name in found), None)
        parts = next((found[name] for name in PARTS if found.get(name)), None)
        return unit_of(inner) if inner is not None else EXACT if parts else SECOND
    if isinstance(found, float):
        return EXACT if found % 1 else _unit(3 * SCALES.index(_scale(found)))
    text = str(found).strip()
    if wrapped := WRAPPED.fullmatch(text):
        text = wrapped[1]
    if number := NUMBER.fullmatch(text):
        return _unit(3 * SCALES.index(_scale(int(number[1]))) + len(number[2] or ""))
    if told := TOLD.search(text):
        return _unit(len(told[2] or "")) if told[1] else MINUTE
    return SECOND if len(text) > len("2026-11-30") else DAY


def tells_no_time(found: Any) -> bool:
    """Whether it stands for nothing, so that there is nothing to be read."""
    if isinstance(found, str):
        return not found.strip() or found.strip() == "0" or found.strip().startswith(ZEROES)
    return found is None or found == 0 or found in ({}, [])


def _unit(digits: int) -> timedelta:
    return timedelta(seconds=10.0**-digits) if digits < len("123456") else EXACT


def _checked(moment: datetime | None) -> datetime | None:
    return moment if moment is not None and FIRST_YEAR <= moment.year < END_YEAR else None


def _from_iso(text: str, zone: tzinfo) -> datetime | None:
    if len(text) > LONGEST or text[:9].isdecimal():  # so many digits count the seconds since 1970
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _from_text(text: str, zone: tzinfo) -> datetime | None:
    """The moment that a text tells in any other form than ISO 8601; None where it is none."""
    if len(text) > LONGEST:
        return None
    if wrapped := WRAPPED.fullmatch(text):
        text = wrapped[1]
    number = NUMBER.fullmatch(text)
    if number and (moment := _from_number(int(number[1]), int((number[2] or "").ljust(9, "0")))):
        return moment
    while behind := BEHIND.search(text):
        text = text[: behind.start()].rstrip()
        zone = _zone(behind[1]) if behind[1] and "=" not in behind[1] else zone
    lower = text.lower()
    for form in FORMS:
        if match := form.fullmatch(lower):
            return _put_together(match.groupdict(), zone)
    return _from_iso(text.upper(), zone)


def _put_together(told: dict[str, str | None], zone: tzinfo) -> datetime:
    """24:00 is the next day's beginning, and a leap second the next minute's."""
    number = {name: int(told.get(name) or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    if word := told.get("word"):
        number["month"] = MONTHS.get(word, 0)
    if len(told["year"] or "") == len("26"):
        number["year"] += FIRST_YEAR
    if half := told.get("half"):
        number["hour"] = number["hour"] % 12 + 12 * (half == "p")
    late, later = told.get("hour") == "24", told.get("second") == "60"
    if late and (number["minute"] or number["second"]):
        raise ValueError("there is no such hour")
    day = number | ({"hour": 0} if late else {}) | ({"second": 59} if later else {})
    micro = int((told.get("fraction") or "").ljust(9, "0")[:6])
    moment = datetime(**day, microsecond=micro, tzinfo=_offset(told, zone))
    return moment.astimezone(UTC) + timedelta(days=late, seconds=later)


def _offset(told: dict[str, str | None], zone: tzinfo) -> tzinfo:
    name = told.get("name")
    if told.get("sign"):
        away = timedelta(hours=int(told["hours"] or 0), minutes=int(told["minutes"] or 0))
        return timezone(-away if told["sign"] == "-" else away)
    if name and name not in NAMED_HOURS:
        raise ValueError("nobody can say which zone that is")
    return timezone(timedelta(hours=NAMED_HOURS[name])) if name else zone


def _zone(name: str) -> tzinfo:
    """The zone of a name in brackets, behind a time."""
    name = name.lstrip("!")
    if name[:1] in ("+", "-"):
        return datetime.fromisoformat(f"2000-01-01T00:00{name}").tzinfo or UTC
    try:
        return UTC if NAMED_HOURS.get(name.lower()) == 0 else ZoneInfo(name)
    except (OSError, LookupError) as error:
        raise ValueError("there is no such zone") from error


def _scale(number: float) -> int:
    return next((scale for scale in SCALES if FIRST_SECOND * scale <= number < LAST_SECOND * scale), 1)


def _from_number(number: float, billionths: int = 0) -> datetime | None:
    """`billionths` are what stands behind the point of a number that was a text."""
    scale = _scale(number)
    if not FIRST_SECOND * scale <= number < LAST_SECOND * scale:
        return None
    exact = number * 1_000_000 // scale if isinstance(number, int) else round(number * 1_000_000 / scale)
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=exact + billionths // (1000 * scale))


def _from_table(table: dict[str, Any], zone: tzinfo) -> datetime | None:
    """Firestore's and protobuf's seconds, MongoDB's and Parse's date, PHP's date with its zone."""
    for name in ("$date", "$numberLong", "iso"):
        if name in table:
            return time_of(table[name], zone)
    if isinstance(table.get("date"), str):
        named = table.get("timezone")
        return time_of(table["date"], _zone(named) if isinstance(named, str) else zone)
    seconds = next((table[name] for name in SECONDS if name in table), None)
    found = time_of(seconds, UTC) if type(seconds) in (int, str) else None
    nanos = next((table[name] for name in PARTS if name in table), 0)
    return found + timedelta(microseconds=nanos // 1000) if found and type(nanos) is int else found


def stamp(moment: datetime) -> str:
    """The moment as APIs write it: ISO 8601 in UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zone_of(name: str) -> tzinfo:
    """The zone of that name, which the settings have checked."""
    return UTC if name == "UTC" else ZoneInfo(name)
