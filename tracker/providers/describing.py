"""What a body tells of a post beside its state: text, an image, its author, and attributes of the operator's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.posts.description import attributes_of, excerpt_of, thumbnail_of
from tracker.providers.mapping.paths import ROOT, Finder, Fork, Path, at, finder, parse_path, storable
from tracker.providers.recreation import EACH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
