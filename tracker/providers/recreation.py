"""A post created anew: which fields it takes from what the provider says of the one that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracker.domain.posts.event import Draft
from tracker.providers.mapping.paths import Path, parse_path, put

if TYPE_CHECKING:
    from collections.abc import Mapping

EACH = "*"
"""A step into every entry of a list."""


@dataclass(frozen=True, slots=True)
class Recreation:
    """For each field of the new post, where its value stands in the failed one."""

    fields: tuple[tuple[Path, Path], ...]

    @classmethod
    def parse(cls, texts: Mapping[str, str]) -> Recreation:
        """Raises ValueError for a path that is none, and for a field that stands within another."""
        fields = tuple((parse_path(field), parse_path(source)) for field, source in texts.items())
        for outer, _ in fields:
            for inner, _ in fields:
                if outer != inner and inner[: len(outer)] == outer:
                    raise ValueError(f'"{".".join(inner)}" stands within "{".".join(outer)}": give one of them')
        return cls(fields)

    def of(self, post: Any) -> Draft:
        """The new post; one in which anything would be missing is not to be created."""
        body: dict[str, Any] = {}
        for field, source in self.fields:
            value = gather(post, source)
            if value in (None, "", [], {}):
                return Draft({}, ".".join(source))
            put(body, field, value)
        return Draft(body)


def gather(value: Any, path: Path) -> Any:
    """What stands at `path`, or None; past a step "*" it is the list of what stands there in each entry."""
    for place, step in enumerate(path):
        if step == EACH:
            entries = [gather(entry, path[place + 1 :]) for entry in value] if isinstance(value, list) else [None]
            return None if None in entries else entries
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value
