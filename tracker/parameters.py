"""Times, spans and choices as people write them: one grammar for API, dashboard and command line.

A moment is written as RFC 3339 (2026-11-30T09:00:00Z), as a day (2026-11-30: its beginning in UTC), as `now`, `today`
`yesterday` (their beginnings in UTC), or as a span like 24h or 7d for as long ago. One to come can also be `tomorrow`
or a day of the week, which is nine in the morning of it where whoever asks is. What cannot be read raises BadParameter
with the name under which it was given.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tracker.domain.calendar import DAYS, instant, parse_zone
from tracker.domain.duration import FORMS, parse_duration
from tracker.domain.rfc3339 import read_moment
from tracker.domain.sentences import sentence
from tracker.errors import BadParameter, did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ATTRIBUTE = re.compile(r"([A-Za-z0-9_-]{1,64})[:=](.*\S.*)", re.DOTALL)
MOST_NAMED = 40
FURTHEST_BACK = timedelta(days=365)
MORNING = time(9)
"""When people are back: what is until tomorrow is until then."""
UTC_ZONE = ZoneInfo("UTC")

LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
FORMS_OF_TIMES = "(2026-11-30T09:00:00Z), a day (2026-11-30), today, yesterday, or how long ago (24h)"
TIMES = f"a time with a zone {FORMS_OF_TIMES}"
FORMS_TO_COME = "(2026-11-30T09:00:00Z), a day (2026-11-30), tomorrow, monday, or in how long (24h)"


def parse_time(name: str, text: str, now: datetime) -> datetime:
    """The moment in UTC."""
    try:
        return _moment(text.strip(), now) or now - _span(text)
    except (ValueError, OverflowError) as error:
        raise BadParameter(name, sentence("no_time", text=text, forms=FORMS_OF_TIMES)) from error


def parse_optional_time(name: str, text: str | None, now: datetime) -> datetime | None:
    """The moment, where one is given."""
    return parse_time(name, text, now) if text else None


def parse_reconcile_since(name: str, text: str, now: datetime) -> datetime:
    """From when on a provider is to be asked: a moment of the last 365 days."""
    since = parse_time(name, text, now)
    if not now - FURTHEST_BACK <= since <= now:
        raise BadParameter(name, sentence("last_year"))
    return since


def parse_future_time(name: str, text: str, now: datetime, zone: ZoneInfo | None = UTC_ZONE) -> datetime:
    """A moment for which a span is how far ahead it lies: in 2h. `zone` is whose morning it is; None: this machine's.

    A time without a zone, as the field of a form has it, is one there too, where a `zone` is given.
    """
    text = text.strip()
    try:
        if text.lower() in ("tomorrow", *DAYS):
            return _morning(text.lower(), now, zone)
        if zone is not UTC_ZONE and LOCAL.fullmatch(text):
            local = datetime.fromisoformat(text)
            return instant(local.date(), local.time(), zone)
        return _moment(text, now) or now + _span(text)
    except (ValueError, OverflowError) as error:
        raise BadParameter(name, sentence("no_time", text=text, forms=FORMS_TO_COME)) from error


def parse_zone_of(name: str, text: str | None) -> ZoneInfo:
    """A time zone by its name; UTC where none is given."""
    try:
        return ZoneInfo(parse_zone(text)) if text else UTC_ZONE
    except ValueError as error:
        raise BadParameter(name, str(error)) from error


def parse_span(name: str, text: str, now: datetime) -> timedelta:
    """A span, as in 15m, that can be added to and taken from now."""
    try:
        span = _span(text)
        _ = now + span, now - span
    except (ValueError, OverflowError) as error:
        raise BadParameter(name, sentence("no_span", text=text, forms=FORMS)) from error
    return span


def parse_choices(name: str, given: Sequence[str] | None, known: Collection[str]) -> tuple[str, ...]:
    """Words of a closed list, given one by one or with commas between them."""
    chosen = tuple(word for text in given or () for word in text.split(",") if word)
    for word in chosen:
        if word not in known:
            raise BadParameter(name, f'"{word}" is not a {name}{did_you_mean(word, known)}; known: {_some(known)}')
    return chosen


def parse_choice(name: str, text: str, known: Collection[str]) -> str:
    """One word of a closed list."""
    if text not in known:
        near = nearest(text, known)
        raise BadParameter(
            name, sentence("near_one" if near else "not_known", text=text, near=near, known=_some(known))
        )
    return text


def parse_attributes(name: str, given: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Names and values of attributes, written campaign:spring or campaign=spring."""
    found = []
    for text in given or ():
        refuse_zero_bytes(**{name: text})
        match = ATTRIBUTE.fullmatch(text.strip())
        if not match:
            raise BadParameter(name, f'"{text}" is not a name and a value: write them as in campaign:spring')
        found.append((match[1], match[2].strip()))
    return tuple(found)


def refuse_zero_bytes(**texts: str | None) -> None:
    """Refuse text that nothing in the database can be equal to."""
    for name, text in texts.items():
        if text is not None and "\x00" in text:
            raise BadParameter(name, sentence("zero_byte"))


def _moment(text: str, now: datetime) -> datetime | None:
    """None for a text that can only be a span; a + that an address turned into a space is taken for a +."""
    days = {"now": now, "today": _midnight(now.date()), "yesterday": _midnight(now.date() - timedelta(days=1))}
    if text in days:
        return days[text]
    if "T" not in text.upper():
        return _midnight(date.fromisoformat(text)) if "-" in text else None
    return read_moment(text.replace(" ", "+"))


def _morning(word: str, now: datetime, zone: ZoneInfo | None) -> datetime:
    """Nine o'clock of tomorrow, or of the next such day of the week."""
    today = now.astimezone(zone).date()
    ahead = 1 if word == "tomorrow" else (DAYS.index(word) - today.weekday() - 1) % 7 + 1
    return instant(today + timedelta(days=ahead), MORNING, zone)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _span(text: str) -> timedelta:
    span: timedelta = parse_duration(text)
    return span


def _some(known: Collection[str]) -> str:
    """The words, or the first of them where there are too many for a sentence."""
    return ", ".join([*list(known)[:MOST_NAMED], *(["…"] if len(known) > MOST_NAMED else [])])
