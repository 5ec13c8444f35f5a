"""Where each key and value of a valid TOML text stands, so that a fault can be pointed at.

`tomllib` says what a text means but not where. This walks the same text beside it; it never judges, because it only
sees texts that `tomllib` has accepted.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

Path = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_MULTILINE = ('"""', "'''")
_QUOTES = (*_MULTILINE, '"', "'")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' r"|'''.*?'''(?:'{0,2})" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)


class BadText(ValueError):
    """Something inside a text is wrong; `offset` is the character of the text where that shows.

    `others` are what else is wrong with it, told in the same breath.
    """

    def __init__(self, message: str, offset: int = 0, others: Iterable[BadText] = ()) -> None:
        super().__init__(message)
        self.offset, self.others = offset, tuple(others)

    @property
    def all(self) -> Iterator[BadText]:
        """This one, and the others."""
        yield self
        yield from self.others


def together(found: Iterable[BadText]) -> BadText:
    """What several say, none of it twice, in the order of their places."""
    every = {(one.offset, str(one)): one for several in found for one in several.all}
    first, *others = (BadText(message, offset) for offset, message in sorted(every))
    return BadText(str(first), first.offset, others)


class Place(Struct, frozen=True):
    """A line and a column, both counted from 1."""

    line: int
    column: int


class Positions(Struct):
    """The offsets of a text's keys and values, by path; an element of an array is named by its number from 0.

    `headers` are the offsets of the lines such as `[rule.x]` with the paths that they open, in their order.
    """

    text: str
    keys: dict[Path, int] = field(default_factory=dict)
    values: dict[Path, int] = field(default_factory=dict)
    headers: list[tuple[int, Path]] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]

    def key(self, path: Path) -> Place:
        """Where the key stands, or the nearest thing around it that has a place."""
        return self.at(next((self.keys[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.keys), 0))

    def value(self, path: Path) -> Place:
        """Where the value begins, or the nearest thing around it that has a place."""
        return self.at(self.values[path]) if path in self.values else self.key(path)

    def inside(self, path: Path, offset: int) -> Place:
        """Where the character `offset` of a string value stands; an escape before it is counted as written."""
        start = self.values.get(path)
        if start is None:
            return self.key(path)
        opening = next(quote for quote in _QUOTES if self.text.startswith(quote, start))
        start += len(opening)
        if opening in _MULTILINE and self.text.startswith(("\n", "\r\n"), start):
            start = self.text.index("\n", start) + 1
        if opening.startswith("'"):
            return self.at(start + offset)
        for _ in range(offset):
            start += _width(self.text, start)
        return self.at(start)

    def at(self, offset: int) -> Place:
        """The place of an offset in the text."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)


def find_positions(text: str) -> Positions:
    """The places of everything in `text`, which must be valid TOML."""
    return _Walk(text).document()


class _Walk:
    """One pass over the text; `at` is how far it has come."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.found = text, 0, Positions(text)

    def document(self) -> Positions:
        table: Path = ()
        counts: dict[Path, int] = {}
        self._skip(_SPACE)
        while self.at < len(self.text):
            if self._peek() == "[":
                table = self._header(counts)
            else:
                self._pair(table)
            self._skip(_SPACE)
        return self.found

    def _header(self, counts: dict[Path, int]) -> Path:
        opening = self.at
        is_element = self.text.startswith("[[", self.at)
        self.at += 1 + is_element
        self._skip(_BLANK)
        start = self.at
        names = self._key()
        path: Path = ()
        for depth, name in enumerate(names, 1):
            path = (*path, name)
            self.found.keys.setdefault(path, start)
            if depth < len(names) and path in counts:
                path = (*path, counts[path] - 1)
        if is_element:
            number = counts.get(path, 0)
            counts[path] = number + 1
            path = (*path, number)
        self.found.keys.setdefault(path, start)
        self.at = self.text.index("]", self.at) + 1 + is_element
        self.found.headers.append((opening, path))
        return path

    def _pair(self, table: Path) -> None:
        start = self.at
        path: Path = table
        for name in self._key():
            path = (*path, name)
            self.found.keys.setdefault(path, start)
        self._skip(_BLANK)
        self.at += 1
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> Path:
        names: list[str] = []
        while True:
            self._skip(_BLANK)
            match = _STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)
            if match is None:
                return tuple(names)
            self.at = match.end()
            written = match[0]
            names.append(written if written[0] not in "\"'" else next(iter(tomllib.loads(f"{written} = 0"))))
            self._skip(_BLANK)
            if self._peek() != ".":
                return tuple(names)
            self.at += 1

    def _value(self, path: Path) -> None:
        self.found.values[path] = self.at
        opening = self._peek()
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            self.at = match.end() if match else len(self.text)

    def _array(self, path: Path) -> None:
        self._step()
        number = 0
        while self.at < len(self.text) and self._peek() != "]":
            self.found.keys[*path, number] = self.at
            self._value((*path, number))
            number += 1
            self._skip(_SPACE)
            if self._peek() == ",":
                self._step()
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self._step()
        while self.at < len(self.text) and self._peek() != "}":
            self._pair(path)
            self._skip(_SPACE)
            if self._peek() == ",":
                self._step()
        self.at += 1

    def _step(self) -> None:
        self.at += 1
        self._skip(_SPACE)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at


def _width(text: str, at: int) -> int:
    """How many characters of the text one character of a basic string takes."""
    if not text.startswith("\\", at):
        return 1
    return {"u": 6, "U": 10}.get(text[at + 1 : at + 2], 2)
