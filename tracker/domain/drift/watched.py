"""What is looked at in the payloads of one event: the places that the mapping reads, and the words that it knows.

Places are written as paths of names with dots between them, `[]` for each element of an array, and `*` for each name
of an object whose names are data.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

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
