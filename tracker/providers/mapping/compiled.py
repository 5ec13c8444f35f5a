"""Paths compiled into a typed decoder, which makes what stands at them out of a body, and nothing of the rest."""

from __future__ import annotations

import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from tracker.providers.mapping.paths import Fork, decode, finder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracker.providers.mapping.paths import Path

    Tree = dict[str, "Tree"]
    Values = tuple[Any, ...]

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
