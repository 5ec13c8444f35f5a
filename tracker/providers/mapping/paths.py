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
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import tzinfo

LONGEST_ID = 255
LONGEST_TEXT = 2000
MOST_MESSAGES = 20
DEEPEST = 4

MESSAGES = ("message", "errorMessage", "error_message", "error", "errors", "detail", "details", "reason", "description")
"""Where a table has its message, in the order in which it is looked for."""

SPEAKING = (str, list, dict)
CODES = ("code", "errorCode", "error_code")

Path = tuple[str, ...]

ROOT: Path = ("$",)
"""The path "$": the value itself."""


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
    """What stands at the path, as `find` has it; at the path `$` the value itself."""
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
    """The text or whole number that was found, cut short and fit to be stored; None for anything else and nothing."""
    if found is None:
        return None
    if isinstance(found, str):
        return storable(found)[:LONGEST_TEXT] or None
    return str(found) if type(found) is int and abs(found) < 10**30 else None


def word_of(found: Any) -> str | None:
    """The text that was found; "true" or "false" for a truth value."""
    return str(found).lower() if isinstance(found, bool) else text_of(found)


def prose_of(found: Any) -> str | None:
    """The message that was found: a text, what a table says, or those of a list or a table by name."""
    return _prose(found, DEEPEST)


def _prose(found: Any, depth: int) -> str | None:
    if found.__class__ is str or not isinstance(found, list | dict):
        return text_of(found)
    if not depth:
        return None
    if isinstance(found, dict):
        for name in MESSAGES:
            if text := _prose(found.get(name), depth - 1):
                return text
        named = [(name, entry) for name, entry in found.items() if name not in CODES and isinstance(entry, SPEAKING)]
        found = [f"{name}: {text}" for name, one in named[:MOST_MESSAGES] if (text := _prose(one, depth - 1))]
    said = [text for entry in found[:MOST_MESSAGES] if (text := _prose(entry, depth - 1))]
    return storable("; ".join(said))[:LONGEST_TEXT] or None


def code_of(found: Any, depth: int = DEEPEST) -> str | None:
    """The code in a table, or in the first of a list of them, that tells what went wrong; or in one within it."""
    if isinstance(found, list):
        return code_of(found[0], depth) if found and isinstance(found[0], dict) else None
    if not isinstance(found, dict) or not depth:
        return None
    if code := next((text for name in CODES if (text := text_of(found.get(name)))), None):
        return code
    return next((code for name in MESSAGES if (code := code_of(found.get(name), depth - 1))), None)


def storable(text: str) -> str:
    """`text` with what Postgres cannot keep replaced: NUL, and halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_id(text: str) -> bool:
    """Whether `text` can name something for good: not empty, not too long, and storable as it is."""
    return 0 < len(text) <= LONGEST_ID and storable(text) == text


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


def surroundings(paths: Iterable[Path]) -> tuple[Finder, ...]:
    """Where to look around what stands at the paths: the tables that hold it, the innermost first, and the value."""
    firsts = [path[0].paths[0] if path and isinstance(path[0], Fork) else path for path in paths]
    ways = dict.fromkeys(path[:end] for path in firsts for end in range(len(path) - 1, 0, -1))
    return (*(finder(way) for way in ways), _itself)


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
    """Where code, message and retryable stand, from the table on that holds all three; mostly it is not there.

    `apart` tells whether that table holds nothing else.
    """

    table: Finder
    code: Finder
    message: Finder
    helps: Finder
    apart: bool = False

    @classmethod
    def of(cls, paths: Mapping[str, Path], name: str) -> Self:
        """The finder for the places called `<name>_code`, `<name>_message` and `<name>_retryable`."""
        three = [paths[f"{name}_code"], paths[f"{name}_message"], paths[f"{name}_retryable"]]
        table = _shared([path[:-1] for path in three if path])
        code, message, helps = (finder(path[len(table) :]) for path in three)
        return cls(finder(table) if table else _itself, code, message, helps, bool(table))


def _shared(ways: Sequence[Path]) -> Path:
    """The steps with which all of them begin."""
    steps = takewhile(lambda same: len(set(same)) == 1, zip(*ways, strict=False))
    return tuple(step for step, *_ in steps)
