"""Texts that people give, read into values; whatever cannot be used is refused by the name that it was given under."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tracker.domain.duration import FORMS, parse_duration
from tracker.errors import BadParameter, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MOST_NAMED = 40


def moment(name: str, text: str | None) -> datetime | None:
    """A time that says its zone; a + that the address turned into a space is taken for a +."""
    return None if text is None else _read(name, text)


def ago(name: str, text: str | None, now: datetime) -> datetime | None:
    """The moment that lies as long ago as the duration says."""
    return None if text is None else _moved(name, text, now, -1)


def begins(name: str, text: str, now: datetime) -> datetime:
    """A time, or a duration for as long ago."""
    return _read(name, text) if ":" in text or "-" in text else _moved(name, text, now, -1)


def ahead(name: str, text: str, now: datetime) -> datetime:
    """The moment that lies as far ahead as the duration says."""
    return _moved(name, text, now, 1)


def words(name: str, given: Sequence[str] | None, known: Collection[str]) -> tuple[str, ...]:
    """Words of a closed list, given one by one or with commas between them."""
    found = tuple(word for text in given or () for word in text.split(",") if word)
    for word in found:
        if word not in known:
            raise BadParameter(name, f'"{word}" is not a {name}{did_you_mean(word, known)}; known: {_some(known)}')
    return found


def _read(name: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        if at.tzinfo is None:
            raise ValueError
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadParameter(name, f'"{text}" is not a time with a zone, as in 2026-11-30T09:00:00Z') from error


def word(name: str, text: str, known: Collection[str]) -> str:
    """One word of a closed list."""
    if text not in known:
        raise BadParameter(name, f'"{text}" is not known{did_you_mean(text, known)}; known: {_some(known)}')
    return text


def storable(**texts: str | None) -> None:
    """Refuse text that nothing in the database can be equal to."""
    for name, text in texts.items():
        if text is not None and "\x00" in text:
            raise BadParameter(name, "contains a zero byte")


def _some(known: Collection[str]) -> str:
    """The words, or the first of them where there are too many for a sentence."""
    return ", ".join([*list(known)[:MOST_NAMED], *(["…"] if len(known) > MOST_NAMED else [])])


def _moved(name: str, text: str, now: datetime, sign: int) -> datetime:
    try:
        span: timedelta = parse_duration(text)
        return now + sign * span
    except (ValueError, OverflowError) as error:
        raise BadParameter(name, f'"{text}" is not a duration: write {FORMS}') from error
