"""What a body tells beside the state of the post: entries about targets, the account, text, image and attributes.

Entries stand in one list or map, or apart by how they ended. Providers that tell failures apart write them as they
like: a list of tables or of texts, a map by platform, one table, or one text. All of it is taken.
What cannot be read or placed is remarked on, for people to see beside what was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.accounts import AccountFact, AccountState
from tracker.domain.posts.description import attributes_of, excerpt_of, thumbnail_of
from tracker.domain.posts.event import State
from tracker.providers.mapping.paths import (
    LONGEST_ID,
    ROOT,
    Finder,
    Fork,
    Path,
    at,
    finder,
    parse_path,
    put,
    storable,
    text_of,
    word_of,
)
from tracker.providers.recreation import EACH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


Remark = tuple[str, str]
"""A code and a text."""

UNREADABLE_TIME, UNPLACED_ENTRY, UNKNOWN_STATUS = "unreadable_time", "unplaced_entry", "unknown_status"
LONGEST_SHOWN = 80


def shown(value: Any) -> str:
    """A value for people, cut short, and fit to be stored: of tables and lists only what they are."""
    if isinstance(value, dict):
        return f"a table of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f'"{cut(value)}"'
    if value is None:
        return "null"
    return cut(repr(value)) if isinstance(value, float) or abs(value) < 10**30 else "a huge number"


def cut(text: str) -> str:
    """No more of a text than is shown."""
    text = storable(text[: LONGEST_SHOWN + 1])
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


UNNAMED = "unknown"
"""The platform of targets whose provider names none."""

EMPTY: tuple[Any, ...] = (None, "", {}, [])
NONE: tuple[dict[str, Any], None] = ({}, None)


Entry = tuple[Any, str | None, State | None]
"""What stands for a target, the platform where its place names it, and its state where it tells none."""


@dataclass(frozen=True, slots=True)
class OfTargets:
    """`scalar` is where the status stands; `apart` are names and places of those told by outcome, with their scalar."""

    place: Path
    scalar: Path
    apart: tuple[tuple[str, Path, State, Path], ...] = ()

    def listed(self, body: Any, is_entry: Callable[[Any], bool], remarks: list[Remark]) -> list[Entry]:
        """The entries of lists; `is_entry` tells whether a table that stands there is one of them."""
        found = at(body, self.place)
        if isinstance(found, list):
            entries: list[Entry] = [(value, None, None) for value in found]
        else:
            entries = []
            if found not in EMPTY:
                remarks.append(_odd("targets", "list", found))
        for name, path, state, scalar in self.apart:
            entries += self._apart(name, at(body, path), state, scalar, is_entry, remarks)
        return entries

    def _apart(
        self,
        name: str,
        found: Any,
        state: State,
        scalar: Path,
        is_entry: Callable[[Any], bool],
        remarks: list[Remark],
    ) -> list[Entry]:
        if found in EMPTY:
            return []
        if isinstance(found, list):
            return [(_as_table(value, scalar), None, state) for value in found if value not in EMPTY]
        if isinstance(found, dict) and not is_entry(found):
            named = ((_platform(name), value) for name, value in found.items() if value)
            return [(_as_table(value, scalar), platform, state) for platform, value in named]
        if isinstance(found, dict) or state is State.FAILED:
            return [(_as_table(found, scalar), None, state)]
        remarks.append(_odd(name, "list", found))
        return []

    def mapped(self, body: Any, whole: State | None, remarks: list[Remark]) -> list[Entry]:
        """The entries of maps: what several say of one platform is one. A failure counts last, unless all is well."""
        found: dict[str, tuple[dict[str, Any], State | None]] = {}
        strays: list[Entry] = []
        for name, path, outcome, scalar in (("targets", self.place, None, self.scalar), *self.apart):
            told = at(body, path)
            if told in EMPTY:
                continue
            if not isinstance(told, dict):
                if outcome is not State.FAILED:
                    remarks.append(_odd(name, "table", told))
                    continue
                told = told if isinstance(told, list) else [told]
                strays += [(_as_table(value, scalar), None, outcome) for value in told if value not in EMPTY]
                continue
            for platform, value in told.items():
                if value in EMPTY or (outcome and not value):
                    continue
                known, state = found.get(platform, NONE)
                if not (state is State.PUBLISHED and whole is State.PUBLISHED):
                    state = outcome or state
                table = _as_table(value, scalar)
                found[platform] = (known | table if known else table), state
        return [*((value, _platform(name), state) for name, (value, state) in found.items()), *strays]


def _platform(name: str) -> str:
    return storable(name)[:LONGEST_ID].strip().lower()


def _odd(name: str, wanted: str, found: Any) -> Remark:
    return UNPLACED_ENTRY, f"{name} should be a {wanted}, and is {shown(found)}"


def _as_table(entry: Any, scalar: Path) -> dict[str, Any]:
    """What stands for a target that is not told by a table: its status, its address or its error, by where it is."""
    if isinstance(entry, dict):
        return entry
    table: dict[str, Any] = {}
    put(table, scalar, entry)
    return table


LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class AccountWords:
    """Where account, platform, name and status stand; `states` is what a status, or else the event's name, means."""

    account: Finder
    platform: Finder
    name: Finder
    status: Finder
    states: Mapping[str, AccountState | None]

    @classmethod
    def build(cls, paths: Mapping[str, Path], states: Mapping[str, AccountState | None]) -> Self:
        """From the paths of all places by name."""
        return cls(
            finder(paths["account"]),
            finder(paths["account_platform"]),
            finder(paths["account_name"]),
            finder(paths["account_status"]),
            {word.lower(): state for word, state in states.items()},
        )

    def read(self, body: Any, event: str) -> AccountFact | None:
        """None where no account is named."""
        account = text_of(self.account(body))
        if not account or len(account) > LONGEST_ID:
            return None
        platform, name, status = text_of(self.platform(body)), text_of(self.name(body)), word_of(self.status(body))
        state = self.states.get(status.lower()) if status else None
        return AccountFact(
            account,
            platform.lower()[:LONGEST_ID] if platform else None,
            name[:LONGEST_NAME] if name else None,
            state or self.states.get(event),
        )


MOST_VALUES = 50
ADDRESSES = ("thumbnailUrl", "thumbnail_url", "thumbnail", "thumb_url", "url", "src", "source")
"""Where the address stands in an entry of a list of media that is a table, the smaller image first."""

Description = tuple[str | None, str | None, dict[str, str]]
"""Excerpt, thumbnail and attributes."""


@dataclass(frozen=True, slots=True)
class Describing:
    """Reads it without trust; `attributes` are names and where they stand, that of the author among them.

    Most bodies tell nothing of all this, which is found out as quickly as can be.
    """

    text: Finder
    media: Finder
    attributes: tuple[tuple[str, Finder], ...]

    @classmethod
    def build(cls, paths: Mapping[str, Path], attributes: Mapping[str, str]) -> Self:
        """From the paths of places by name, and the operator's by the names of the attributes."""
        author = {"author": paths["author"]} if paths["author"] else {}
        told = author | {name: parse_path(path) for name, path in attributes.items()}
        found = tuple((name, _finder(path)) for name, path in told.items())
        return cls(_finder(paths["text"]), _finder(paths["media"]), found)

    def read(self, body: Any) -> Description:
        """What is there of it."""
        text, media = self.text(body), self.media(body)
        excerpt = None if text is None else _excerpt_in(text)
        thumbnail = None if media is None else next(filter(None, map(_address_in, _listed(media))), None)
        if not self.attributes:
            return excerpt, thumbnail, {}
        return excerpt, thumbnail, attributes_of([(name, _joined(find(body))) for name, find in self.attributes])


def _finder(path: Path) -> Finder:
    """What reads the value at a path; where a step is every entry of a list, it answers a list."""
    several = EACH in path or (path and isinstance(path[0], Fork) and any(EACH in one for one in path[0].paths))
    return partial(_each, path) if several else partial(at, path=path) if path == ROOT else finder(path)


def _each(path: Path, body: Any) -> list[Any] | None:
    return list(islice(_values(body, path), MOST_VALUES)) or None


def _listed(found: Any) -> list[Any]:
    return found[:MOST_VALUES] if isinstance(found, list) else [found]


def _excerpt_in(found: Any) -> str | None:
    said = next((one for one in _listed(found) if isinstance(one, str)), None)
    return excerpt_of(storable(said)) if said else None


def _joined(found: Any) -> str:
    """The scalars of what was found, with commas between them; what is no scalar tells nothing."""
    return "" if found is None else ", ".join(filter(None, map(_word, _listed(found))))


def _word(found: Any) -> str:
    if isinstance(found, str):
        return storable(found).strip()
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, int | float) and abs(found) < 10**30 else ""


def _address_in(found: Any) -> str | None:
    if isinstance(found, dict):
        found = next((found[name] for name in ADDRESSES if isinstance(found.get(name), str)), None)
    return thumbnail_of(storable(found)) if isinstance(found, str) else None


def _values(value: Any, path: Path) -> Iterator[Any]:
    """What stands at a path, of which a step "*" is every entry of a list; a list at its end is its entries."""
    if path and isinstance(path[0], Fork):
        for one in path[0].paths:
            if found := list(islice(_values(value, one), MOST_VALUES)):
                yield from found
                return
        return
    if EACH in path:
        place = path.index(EACH)
        entries = at(value, path[:place]) if place else value
        for entry in entries[:MOST_VALUES] if isinstance(entries, list) else ():
            yield from _values(entry, path[place + 1 :])
        return
    found = at(value, path) if path else value
    if isinstance(found, list):
        yield from (one for one in found[:MOST_VALUES] if one is not None)
    elif found is not None:
        yield found
