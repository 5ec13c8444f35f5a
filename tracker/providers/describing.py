"""What a body tells of a post beside its state: text, an image, its author, and attributes of the operator's own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from tracker.domain.posts.description import attributes_of, excerpt_of, thumbnail_of
from tracker.providers.body import Fork, Path, at, parse_path, storable
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
    """Reads it without trust; `attributes` are names and paths, that of the author among them."""

    text: Path
    media: Path
    attributes: tuple[tuple[str, Path], ...]

    @classmethod
    def build(cls, paths: Mapping[str, Path], attributes: Mapping[str, str]) -> Self:
        """From the paths of places by name, and the operator's by the names of the attributes."""
        author = {"author": paths["author"]} if paths["author"] else {}
        told = author | {name: parse_path(path) for name, path in attributes.items()}
        return cls(paths["text"], paths["media"], tuple(told.items()))

    def read(self, body: Any) -> Description:
        """What is there of it."""
        excerpt = thumbnail = None
        if self.text and (said := next(_values(body, self.text), None)) and isinstance(said, str):
            excerpt = excerpt_of(storable(said))
        if self.media:
            thumbnail = next((one for found in _values(body, self.media) if (one := _address_in(found))), None)
        if not self.attributes:
            return excerpt, thumbnail, {}
        return excerpt, thumbnail, attributes_of((name, _joined(body, path)) for name, path in self.attributes)


def _joined(body: Any, path: Path) -> str:
    """The scalars at a path, with commas between them; what is no scalar tells nothing."""
    return ", ".join(text for found in islice(_values(body, path), MOST_VALUES) if (text := _word(found)))


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
