"""The shape of a payload, and what is looked at in it: the places that the mapping reads, the words that it knows.

The shape is which paths it has, of which JSON types, and the words that stand where statuses do.

Places are written as paths of names with dots between them, `[]` for each element of an array, and `*` for each name
of an object whose names are data.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any

from msgspec import Struct, field

from tracker.domain.posts.event import State

ELEMENT, ANY_NAME = "[]", "*"
STATUSES = frozenset({"status", "target_status"})
"""The names of the places at which words for states stand."""


class Watched(Struct, frozen=True, dict=True):
    """The mapping of one event.

    `places` are the paths by the name of the place, several where the first that stands there counts; `bases` are
    where those begin that are told from within a target, or a post. `maps` are objects whose names are data. `statuses`
    are words in upper case, and `events` names in lower case, with what each means. `variant` is the table under
    `fields` in which the places of this event are put right, and empty where it is `fields` itself.
    """

    places: Mapping[str, tuple[str, ...]]
    statuses: Mapping[str, State | None]
    events: Mapping[str, State | None]
    bases: Mapping[str, str] = field(default_factory=dict)
    maps: frozenset[str] = frozenset()
    variant: str = ""

    @cached_property
    def worded(self) -> frozenset[str]:
        """The paths at which words for states stand."""
        return frozenset(path for name in STATUSES for path in self.places.get(name, ()))

    @cached_property
    def named(self) -> frozenset[str]:
        """Every path that is mapped, and every one on the way there."""
        return frozenset(way for paths in self.places.values() for path in paths for way in ways(path))

    @cached_property
    def neighbourhood(self) -> frozenset[str]:
        """Where values stand beside one that is mapped."""
        return frozenset(parent(path) for paths in self.places.values() for path in paths)

    def knows(self, event: str) -> bool:
        """Whether somebody has said what the event means."""
        return event in self.events


def parent(path: str) -> str:
    """Where the value stands; empty for one at the root."""
    if path.endswith(ELEMENT):
        return path.removesuffix(ELEMENT)
    return path.rpartition(".")[0]


def ways(path: str) -> list[str]:
    """The path, and all on the way there."""
    found = []
    while path:
        found.append(path)
        path = parent(path)
    return found


def below(path: str, name: str) -> str:
    """The path of what stands under that name."""
    return f"{path}.{name}" if path else name


MOST_PATHS = 150
MOST_NAMES, MOST_ELEMENTS, DEEPEST, MOST_VALUES = 100, 20, 10, 3000
"""Of an object, of an array, levels, and in all, from the outside in: what is beyond is not looked at."""

NAME = re.compile(r"[A-Za-z_$@][A-Za-z_$@:-]*[0-9]{0,3}[A-Za-z_$@:-]*")
WORD = re.compile(r"[A-Za-z][\w .:/+-]{0,39}|[0-9]{1,3}")
LONGEST_NAME = 60

TYPES = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}
NULL = "null"


class Shape(Struct, frozen=True):
    """The JSON types that stand at each path of one payload, and the words at places of statuses."""

    types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def has(self, path: str) -> bool:
        """Whether anything but null stands there."""
        return bool(self.types.get(path, frozenset()) - {NULL})


def shape_of(payload: Any, watched: Watched, *, about_post: bool = True) -> Shape:
    """The shape, of the places that are mapped first where there are too many; only what is about a post has words."""
    types: dict[str, set[str]] = {}
    words: dict[str, set[str]] = {}
    for path, found in _values(payload, watched):
        types.setdefault(path, set()).add(TYPES.get(type(found), NULL))
        if about_post and path in watched.worded and (word := word_of(found)):
            words.setdefault(path, set()).add(word)
    kept = sorted(types, key=lambda path: order(path, watched))[:MOST_PATHS]
    return Shape(
        {path: frozenset(types[path]) for path in kept}, {path: frozenset(some) for path, some in words.items()}
    )


def order(path: str, watched: Watched) -> tuple[bool, str]:
    """Which paths are kept where there are too many of them: those that are mapped, then by their names."""
    return path not in watched.named, path


def word_of(found: Any) -> str | None:
    """A word that may stand for a state; None for a text, which may be anybody's."""
    if isinstance(found, bool):
        return str(found).lower()
    text = str(found) if isinstance(found, int) else found
    return text if isinstance(text, str) and WORD.fullmatch(text) else None


def _values(payload: Any, watched: Watched) -> Iterator[tuple[str, Any]]:
    """Every value with its path, but for the payload itself, from the outside in."""
    waiting: deque[tuple[str, Any, int]] = deque([("", payload, 0)])
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        path, value, depth = waiting.popleft()
        if path:
            yield path, value
        if depth == DEEPEST:
            continue
        if isinstance(value, dict):
            names = islice(value.items(), MOST_NAMES)
            waiting += [(below(path, name_in(path, name, watched)), inner, depth + 1) for name, inner in names]
        elif isinstance(value, list):
            waiting += [(path + ELEMENT, inner, depth + 1) for inner in value[:MOST_ELEMENTS]]


def name_in(path: str, name: str, watched: Watched) -> str:
    """The name as paths have it: what may be an id, a text or an address of somebody is any name."""
    if path in watched.maps:
        return ANY_NAME
    if below(path, name) in watched.named or (len(name) <= LONGEST_NAME and NAME.fullmatch(name)):
        return name
    return ANY_NAME
