"""Paths made ready: what is looked up in every event of the log becomes a function once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Self

from tracker.providers.body import Fork, Path, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Finder = Callable[[Any], Any]


def finder(path: Path) -> Finder:
    """`find` for one path; it can be handed to another process."""
    if not path:
        return _nothing
    if isinstance(path[0], Fork):
        return partial(_forked, path)
    if len(path) == 1:
        return partial(_in_table, path[0])
    return partial(_deep, path[:-1], path[-1])


def surroundings(paths: Iterable[Path]) -> tuple[Finder, ...]:
    """Where to look around what stands at the paths: the tables that hold it, the innermost first, and the value."""
    firsts = [path[0].paths[0] if path and isinstance(path[0], Fork) else path for path in paths]
    ways = dict.fromkeys(path[:end] for path in firsts for end in range(len(path) - 1, 0, -1))
    return (*(finder(way) for way in ways), _itself)


def _nothing(_: Any) -> None:
    return None


def _itself(value: Any) -> Any:
    return value


def _forked(path: Path, value: Any) -> Any:
    return find(value, path)


def _in_table(name: str, value: Any) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _deep(way: Path, name: str, value: Any) -> Any:
    for step in way:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value.get(name) if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class ProblemFinder:
    """Where code, message and retryable stand, from the table on that holds all three; mostly it is not there.

    `apart` tells whether that table holds nothing else.
    """

    table: Finder
    code: Finder
    message: Finder
    helps: Finder
    apart: bool = False

    @classmethod
    def of(cls, paths: Mapping[str, Path], name: str) -> Self:
        """That of the places called `<name>_code`, `<name>_message` and `<name>_retryable`."""
        three = [paths[f"{name}_code"], paths[f"{name}_message"], paths[f"{name}_retryable"]]
        table = _shared([path[:-1] for path in three if path])
        code, message, helps = (finder(path[len(table) :]) for path in three)
        return cls(finder(table) if table else _itself, code, message, helps, bool(table))


def _shared(ways: Sequence[Path]) -> Path:
    """The steps with which all of them begin."""
    steps = takewhile(lambda same: len(set(same)) == 1, zip(*ways, strict=False))
    return tuple(step for step, *_ in steps)
