"""Bodies of webhooks, taken apart without trust: JSON, texts, numbers, times, and paths made ready for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

LONGEST_ID = 255
LONGEST_TEXT = 2000
MOST_MESSAGES = 20

Path = tuple[str, ...]

ROOT: Path = ("$",)
"""The path "$": the value itself."""

FIRST_SECOND, LAST_SECOND = 946_684_800, 4_102_444_800
"""Numbers are times from the year 2000 to 2100, in seconds or in milliseconds."""
MILLISECONDS = 10**11


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


class Fork(str):
    """A step that is several paths: the first at which something stands."""

    __slots__ = ("paths",)

    paths: tuple[Path, ...]


def parse_path(text: str) -> Path:
    """The steps of "data.error.code", or of "data.id|data.uuid"; an empty text is no path. Raises ValueError."""
    if "|" in text:
        fork = Fork(text)
        fork.paths = tuple(parse_path(part.strip() or ".") for part in text.split("|"))
        return (fork,)
    steps = tuple(text.split(".")) if text else ()
    if not all(steps):
        raise ValueError(f'"{text}" is not a path: write names with dots between them, as in "data.error.code"')
    return steps


def find(value: Any, path: Path) -> Any:
    """What stands at `path`, or None; an empty path leads nowhere."""
    if not path:
        return None
    found = value
    for step in path:
        if not isinstance(found, dict):
            return None
        found = found.get(step)
    if found is None and path[0].__class__ is Fork:
        return next((other for one in path[0].paths if (other := find(value, one)) is not None), None)
    return found


def at(value: Any, path: Path) -> Any:
    """The same, for places that may be the value itself."""
    return value if path == ROOT else find(value, path)


def put(table: dict[str, Any], path: Path, value: Any) -> None:
    """Let `value` stand at `path`, the first of several; None, and what has no path, is left out."""
    if value is None or not path:
        return
    first = path[0]
    path = first.paths[0] if isinstance(first, Fork) else path
    for step in path[:-1]:
        table = table.setdefault(step, {})
    table[path[-1]] = value


def text_at(value: Any, path: Path) -> str | None:
    """The text or whole number at `path`, cut short and fit to be stored; None for anything else and for nothing."""
    return text_of(find(value, path))


def text_of(found: Any) -> str | None:
    """The same of what was found."""
    if found is None:
        return None
    if isinstance(found, str):
        return storable(found)[:LONGEST_TEXT] or None
    return str(found) if type(found) is int and abs(found) < 10**30 else None


def word_of(found: Any) -> str | None:
    """The same, for words that may be told by true and false."""
    return str(found).lower() if isinstance(found, bool) else text_of(found)


def prose_of(found: Any) -> str | None:
    """The same, for messages: also the `message` of a table, and those of a list in one."""
    if not isinstance(found, list):
        return _message_of(found)
    return "; ".join(text for entry in found[:MOST_MESSAGES] if (text := _message_of(entry)))[:LONGEST_TEXT] or None


def _message_of(found: Any) -> str | None:
    return text_of(found.get("message") if isinstance(found, dict) else found)


def storable(text: str) -> str:
    """`text` with what Postgres cannot keep replaced: NUL, and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_id(text: str) -> bool:
    """Whether `text` can name something for good: not empty, not too long, and storable as it is."""
    return 0 < len(text) <= LONGEST_ID and storable(text) == text


def time_at(value: Any, path: Path, zone: tzinfo) -> datetime | None:
    """The time at `path` in UTC, from a text or a number of seconds or milliseconds; None for what is no time.

    One that names no zone is taken to be in `zone`.
    """
    return time_of(find(value, path), zone)


def time_of(found: Any, zone: tzinfo) -> datetime | None:
    """The same of what was found."""
    if isinstance(found, str):
        return _time_of(found.strip(), zone)
    return _unix_time(found) if type(found) in (int, float) else None


def _time_of(text: str, zone: tzinfo) -> datetime | None:
    if text[4:5] != "-" and text.isascii() and text.isdecimal() and len(text) in (10, 13):
        return _unix_time(int(text))
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unix_time(number: float) -> datetime | None:
    seconds = number / 1000 if MILLISECONDS <= number < MILLISECONDS * 1000 else number
    return datetime.fromtimestamp(seconds, UTC) if FIRST_SECOND <= seconds < LAST_SECOND else None


def stamp(moment: datetime) -> str:
    """The moment as APIs write it: ISO 8601 in UTC with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zone_of(name: str) -> tzinfo:
    """The zone of that name, which the settings have checked."""
    return UTC if name == "UTC" else ZoneInfo(name)


Finder = Callable[[Any], Any]


def finder(path: Path) -> Finder:
    """`find` for one path; it can be handed to another process."""
    if not path:
        return _nothing
    if isinstance(path[0], Fork):
        return partial(_forked, path)
    if len(path) == 1:
        return partial(_in_table, path[0])
    return partial(_deep, path[:-1], path[-1])


def _nothing(_: Any) -> None:
    return None


def _itself(value: Any) -> Any:
    return value


def _forked(path: Path, value: Any) -> Any:
    return find(value, path)


def _in_table(name: str, value: Any) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _deep(way: Path, name: str, value: Any) -> Any:
    for step in way:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value.get(name) if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class ProblemFinder:
    """Where code, message and retryable stand, from the table on that holds all three; mostly it is not there."""

    table: Finder
    code: Finder
    message: Finder
    helps: Finder

    @classmethod
    def of(cls, paths: Mapping[str, Path], name: str) -> Self:
        """That of the places called `<name>_code`, `<name>_message` and `<name>_retryable`."""
        three = [paths[f"{name}_code"], paths[f"{name}_message"], paths[f"{name}_retryable"]]
        table = _shared([path[:-1] for path in three if path])
        return cls(finder(table) if table else _itself, *(finder(path[len(table) :]) for path in three))


def _shared(ways: Sequence[Path]) -> Path:
    """The steps with which all of them begin."""
    steps = takewhile(lambda same: len(set(same)) == 1, zip(*ways, strict=False))
    return tuple(step for step, *_ in steps)
