"""Where the entries about targets stand: in one list or map, or apart by how they ended.

Providers that tell failures apart write them as they like: a list of tables or of texts, a map by platform, one table,
or one text. All of it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracker.domain.posts.event import State
from tracker.providers.mapping.paths import LONGEST_ID, Path, at, put, storable
from tracker.providers.remarks import UNPLACED_ENTRY, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.providers.remarks import Remark

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
