"""Tables of a rule file, read with care: every fault is noted where it stands, and reading goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from textwrap import shorten
from typing import TypeVar

from msgspec import Struct, field

from tracker.domain.duration import parse_duration
from tracker.errors import Misconfigured, did_you_mean
from tracker.toml import key_text
from tracker.toml.positions import BadText, Path, Place, Positions

T = TypeVar("T")
OF_THE_FILE = "defaults"
"""The table of a file whose values its rules share: what is wrong with one is wrong once."""

NOTHING: Mapping[str, str] = {}


class Doubtful:
    """What can be made of a text although it is odd."""

    def doubts(self) -> Iterator[BadText]:
        """What is odd about it."""
        raise NotImplementedError


class Mention(Struct, frozen=True):
    """A rule that is named where only all files together can tell whether it is there."""

    rule: str
    file: str
    key: str
    place: Place


class Faults(Struct):
    """What is wrong with a file, in the order in which it was found; and what is only odd."""

    file: str
    positions: Positions
    found: list[Misconfigured] = field(default_factory=list)
    odd: list[Misconfigured] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)

    def note(self, path: Path, message: str, place: Place | None = None) -> None:
        fault = self._at(path, message, place)
        if path[:1] != (OF_THE_FILE,) or str(fault) not in map(str, self.found):
            self.found.append(fault)

    def warn(self, path: Path, message: str, place: Place | None = None) -> None:
        """It can be put in force, but somebody should look at it."""
        self.odd.append(self._at(path, message, place))

    def mention(self, path: Path, rule: str) -> None:
        """The value at `path` names a rule."""
        self.mentions.append(Mention(rule, self.file, key_text(path), self.positions.value(path)))

    def _at(self, path: Path, message: str, place: Place | None) -> Misconfigured:
        place = place or self.positions.value(path)
        return Misconfigured(message, file=self.file, key=key_text(path), line=place.line, column=place.column)


class Table(Struct, frozen=True):
    """A table of the file; `path` says where it is. Reading a key that is absent or faulty gives None."""

    values: Mapping[str, object]
    path: Path
    faults: Faults
    inherited: Mapping[str, Path] = field(default_factory=dict)
    """Where the values stand that are not its own, by their keys."""

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def fault(self, key: str, message: str) -> None:
        """Something is wrong with the value of `key`, or with the table as a whole where that is absent."""
        if key in self.inherited:
            message = f"{message} (so it is for [{key_text(self.path)}])"
        self.faults.note(self.at(key) if key in self.values else self.path, message)

    def at(self, key: str) -> Path:
        """Where the value of the key stands."""
        return self.inherited.get(key) or (*self.path, key)

    def fault_at_key(self, key: str, message: str) -> None:
        """The key itself is wrong, whatever its value."""
        path = (*self.path, key)
        self.faults.note(path, message, self.faults.positions.key(path))

    def warn(self, key: str, message: str) -> None:
        """Something is odd about the value of `key`."""
        self.faults.warn(self.at(key), message)

    def inheriting(self, defaults: Table, keys: Collection[str]) -> Table:
        """This table with those of these keys from the other one that it does not have itself."""
        more = {key: value for key, value in defaults.values.items() if key in keys and key not in self.values}
        return Table({**self.values, **more}, self.path, self.faults, {key: defaults.at(key) for key in more})

    def aside(self) -> Table:
        """This table with faults of its own, for those that have been noted before and are not to be noted again."""
        return Table(self.values, self.path, Faults(self.faults.file, self.faults.positions))

    def only(self, known: Collection[str], what: str, meant: Mapping[str, str] = NOTHING) -> None:
        """Refuse the keys that are not among `known`; `meant` says what to write in place of other programs' words."""
        for key in self.values:
            if key not in known:
                self.fault_at_key(key, f"{what} has no such key{_instead(key, known, meant)}")

    def meant(self, *keys: str) -> bool:
        """Whether one of the keys stands here, be it in other letters or by another program's name."""
        return any(key in keys or key.lower() in keys for key in self.values)

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self._wrong(key, "must be a text in quotes", value)
            return None
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if isinstance(value, bool):
            return value
        self._wrong(key, "must be true or false", value)
        return default

    def number(self, key: str, default: int, least: int, most: int) -> int:
        value = self.values.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self._wrong(key, f"must be a whole number from {least} to {most}", value)
        return default

    def choice(self, key: str, known: Collection[str], default: str) -> str:
        """The value of `key`, one of `known`; else a fault, and the default."""
        value = self.values.get(key, default)
        if value in known:
            return str(value)
        options = ", ".join(f'"{one}"' for one in known)
        if not isinstance(value, str):
            self._wrong(key, f"must be one of {options}" if len(known) > 1 else f"must be {options}", value)
        elif len(known) == 1:
            self.fault(key, f'"{value}" is not for "{key}": write {options}')
        else:
            self.fault(key, f'"{value}" is none of {options}{did_you_mean(value, known)}')
        return default

    def span(self, key: str) -> timedelta | None:
        """A duration above zero."""
        value = self.values.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._wrong(key, 'must be a text in quotes, with its unit, as in "90s" or "15m"', value)
            return None
        span = self.parsed(key, parse_duration)
        if span is not None and span <= timedelta(0):
            self.fault(key, "must be longer than nothing")
            return None
        return span

    def texts(self, key: str, parse: Callable[[str], T]) -> dict[str, T]:
        """What `parse` makes of each text of a table, also of an empty one."""
        inner = self.table(key)
        if inner is None:
            return {}
        found = {name: self._element((*inner.path, name), one, parse) for name, one in inner.values.items()}
        return {name: one for name, one in found.items() if one is not None}

    def parsed(self, key: str, parse: Callable[[str], T]) -> T | None:
        """What `parse` makes of the text; a ValueError is noted with the key, a bad text where it goes wrong."""
        text = self.text(key)
        return None if text is None else self._made(self.at(key), text, parse)

    def several(self, key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        """What `parse` makes of one text or of each text in a list."""
        value = self.values.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            made = self._made(self.at(key), value, parse)
            return () if made is None else (made,)
        if not isinstance(value, list) or not value:
            self._wrong(key, "must be a text in quotes, or a list of them", value)
            return ()
        found = [self._element((*self.at(key), place), one, parse) for place, one in enumerate(value)]
        return tuple(one for one in found if one is not None)

    def table(self, key: str) -> Table | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._wrong(key, "must be a table: { … }", value)
            return None
        return Table(value, self.at(key), self.faults)

    def tables(self, key: str) -> list[Table]:
        """A list of tables."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not value:
            self._wrong(key, "must be a list of tables: [{ … }, { … }]", value)
            return []
        found: list[Table] = []
        for place, one in enumerate(value):
            path = (*self.at(key), place)
            if isinstance(one, dict):
                found.append(Table(one, path, self.faults))
            else:
                self.faults.note(path, f"must be a table: {{ … }}, but it is {_kind(one)}")
        return found

    def _element(self, path: Path, value: object, parse: Callable[[str], T]) -> T | None:
        if isinstance(value, str):
            return self._made(path, value, parse)
        self.faults.note(path, f"must be a text in quotes, but it is {_kind(value)}")
        return None

    def _made(self, path: Path, text: str, parse: Callable[[str], T]) -> T | None:
        try:
            made = parse(text)
            for doubt in made.doubts() if isinstance(made, Doubtful) else ():
                self.faults.warn(path, str(doubt), self.faults.positions.inside(path, doubt.offset))
        except BadText as error:
            for one in error.all:
                self.faults.note(path, str(one), self.faults.positions.inside(path, one.offset))
        except ValueError as error:
            self.faults.note(path, str(error))
        else:
            return made
        return None

    def _wrong(self, key: str, message: str, value: object) -> None:
        self.fault(key, f"{message}, but it is {_kind(value)}")


def _instead(key: str, known: Collection[str], meant: Mapping[str, str]) -> str:
    small = key.lower().replace("-", "_")
    if small != key and small in known:
        return f' (write "{small}")'
    if small in meant:
        return f" ({meant[small]})"
    return did_you_mean(small, known) or f" (there {'are' if len(known) > 1 else 'is'} {', '.join(known)})"


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "empty" if not value.strip() else f'"{shorten(value, 60)}"'
    if isinstance(value, list | dict):
        empty = "" if value else "n empty"
        return f"a{empty} {'list' if isinstance(value, list) else 'table'}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def article(noun: str) -> str:
    """The noun with its article."""
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"
