"""Bodies of webhooks, taken apart without trust: JSON, paths into it, texts, numbers and times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

if TYPE_CHECKING:
    from datetime import tzinfo

LONGEST_ID = 255
LONGEST_TEXT = 2000

Path = tuple[str, ...]


def decode(body: bytes) -> Any:
    """The JSON in `body`; raises ValueError.

    Half a surrogate pair, which is what cutting a text inside an emoji leaves, is JSON all the same.
    """
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError:
        return _decode_leniently(body)


def _decode_leniently(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def parse_path(text: str) -> Path:
    """The steps of "data.error.code"; an empty text is no path. Raises ValueError."""
    steps = tuple(text.split(".")) if text else ()
    if not all(steps):
        raise ValueError(f'"{text}" is not a path: write names with dots between them, as in "data.error.code"')
    return steps


def find(value: Any, path: Path) -> Any:
    """What stands at `path`, or None; an empty path leads nowhere."""
    if not path:
        return None
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def put(table: dict[str, Any], path: Path, value: Any) -> None:
    """Let `value` stand at `path`; None, and what has no path, is left out."""
    if value is None or not path:
        return
    for step in path[:-1]:
        table = table.setdefault(step, {})
    table[path[-1]] = value


def text_at(value: Any, path: Path) -> str | None:
    """The text or whole number at `path`, cut short and fit to be stored; None for anything else and for nothing."""
    found = find(value, path)
    if found is None:
        return None
    if type(found) is int:
        found = str(found) if abs(found) < 10**30 else None
    return storable(found)[:LONGEST_TEXT] or None if isinstance(found, str) else None


def storable(text: str) -> str:
    """`text` with what Postgres cannot keep replaced: NUL, and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_id(text: str) -> bool:
    """Whether `text` can name something for good: not empty, not too long, and storable as it is."""
    return 0 < len(text) <= LONGEST_ID and storable(text) == text


def time_at(value: Any, path: Path, zone: tzinfo) -> datetime | None:
    """The time at `path` in UTC; one that names no zone is taken to be in `zone`; None for what is no time."""
    found = find(value, path)
    if not isinstance(found, str):
        return None
    try:
        moment = datetime.fromisoformat(found.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def zone_of(name: str) -> tzinfo:
    """The zone of that name, which the settings have checked."""
    return UTC if name == "UTC" else ZoneInfo(name)
