"""Bodies of webhooks, taken apart without trust: JSON, texts, numbers, and paths made ready for it.

Paths that are known beforehand are compiled into a typed decoder, which makes what stands at them out of a body, and
nothing of the rest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Tree = dict[str, "Tree"]
    Values = tuple[Any, ...]


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


LONGEST = sys.int_info.default_max_str_digits
"""Bytes of a body that can hold no number of which Python refuses to read the digits."""


class CompiledPaths:
    """Some paths, two at least, and what stands at them in bodies: None where nothing does.

    Bodies that do not fit the decoder (no JSON, no table where a path goes on, very long), and paths that none can be
    made for (alternatives, one path beneath another), are read in the general way. Both answer the same.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._finders = tuple(map(finder, paths))
        self._values, self._decode = _compiled(self._paths)

    def __reduce__(self) -> tuple[type[CompiledPaths], tuple[tuple[Path, ...]]]:
        return CompiledPaths, (self._paths,)  # types that are made at run time go to no other process

    def of(self, body: bytes) -> Values:
        """The values in the order of the paths; raises ValueError where the body is no JSON."""
        if self._decode is None or len(body) > LONGEST:
            return self.at(decode(body))
        try:
            if not body.isascii():
                body.decode()  # of a text that it does not make, the decoder believes that it is UTF-8
            return self._values(self._decode(body))
        except (ValueError, RecursionError):
            return self.at(decode(body))

    def at(self, value: Any) -> Values:
        """The values in a body that is decoded already."""
        return tuple(find(value) for find in self._finders)


def _compiled(paths: Sequence[Path]) -> tuple[Callable[[Any], Values], Callable[[bytes], Any] | None]:
    """What takes the values from a table of the decoder's, and the decoder; None where there can be none."""
    tree: Tree = {}
    if any(isinstance(step, Fork) for path in paths for step in path):
        return tuple, None
    for path in paths:
        below = tree
        for step in path:
            below = below.setdefault(step, {})
    try:
        return attrgetter(*(_way(tree, path) for path in paths)), msgspec.json.Decoder(_table(tree)).decode
    except ValueError:
        return tuple, None


def _way(tree: Tree, path: Path) -> str:
    """The attributes that lead to the path's end; raises ValueError where it is no leaf of the tree's."""
    way = []
    for step in path:
        way.append(f"f{list(tree).index(step)}")
        tree = tree[step]
    if path and tree:
        raise ValueError("another path goes on from here")
    return ".".join(way) or "nowhere"


def _table(tree: Tree) -> type[msgspec.Struct]:
    """A table with the names of the tree; where the body has none of it, there is an empty one."""
    tables = [_table(below) if below else None for below in tree.values()]
    fields = [(f"f{n}", table, table()) if table else (f"f{n}", Any, None) for n, table in enumerate(tables)]
    names = {f"f{n}": name for n, name in enumerate(tree)}
    return msgspec.defstruct("Table", fields, rename=names, frozen=True, namespace={"nowhere": None})
