"""How much work an expression can be at most, and the part of a condition that needs no evaluator.

The evaluator counts the turns of loops and stops at 10 000, but not the characters that are put together in them: a
text that is doubled thirty times, or a pattern of a thousand states in a loop, would stop the house. So each part is
given a bound: the most that its value can hold, and the work of making it, in characters.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tracker.domain.posts.change import FIELDS
from tracker.domain.posts.description import MOST_ATTRIBUTES
from tracker.domain.rules.grouping import DEFAULTS, LONGEST_DATA, LONGEST_MESSAGE
from tracker.domain.rules.periodic import MOST_ITEMS
from tracker.rulebook.cel_syntax import Call, Const, Field, Loop, Make, Name, Node, conjunction
from tracker.toml.positions import BadText

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "_==_": operator.eq, "_!=_": operator.ne,
    "_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge,
}  # fmt: skip

Test = tuple[str, Callable[[Any, Any], bool], object]
"""The name of a value, how it is compared, and with what."""


class FastPath(Struct, frozen=True):
    """The tests that all must hold; `whole` where they are the entire condition."""

    tests: tuple[Test, ...]
    whole: bool

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether all tests hold."""
        for name, compare, literal in self.tests:  # noqa: SIM110  (twice as fast as all() for the one or two there are)
            if not compare(values[name], literal):
                return False
        return True


def fast_path(condition: Node) -> FastPath:
    """What can be taken out of a condition."""
    tests = [_test(operand) for operand in [*conjunction(condition)][::2]]
    return FastPath(tuple(test for test in tests if test), all(tests))


def _test(operand: Node) -> Test | None:
    """The operand as a test, where it is one; the evaluator has checked that both sides are of one type."""
    match operand:
        case Name(name):
            return name, operator.eq, True
        case Call("!_", (Name(name),)):
            return name, operator.eq, False
        case Call(function, (Name(name), Const(str() | int() as literal))) if function in _OPERATORS:
            return name, _OPERATORS[function], literal
    return None


def impossible(tests: Iterable[Test]) -> str:
    """The name of a value that cannot be all that is asked of it at once, or ""; `in` is asked of several words."""
    asked: dict[str, list[Test]] = {}
    for test in tests:
        asked.setdefault(test[0], []).append(test)
    for name, alike in asked.items():
        candidates = [value for _, _, literal in alike for value in _around(literal)]
        if not any(all(compare(value, literal) for _, compare, literal in alike) for value in candidates):
            return name
    return ""


def _around(literal: object) -> Sequence[object]:
    """The value, and one to each side of it: something that fits several comparisons is among those of one of them."""
    if isinstance(literal, tuple):
        return literal
    if isinstance(literal, bool):
        return True, False
    return (literal - 1, literal, literal + 1) if isinstance(literal, int) else ("", literal, f"{literal}\0")


MOST = 20_000_000
"""A tenth of a second or so."""

SMALL, TEXT, NAME, ADDRESS = 8, 500, 50, 2000
MOST_PLATFORMS, MOST_LABELS = 100, 100
MOST_STATES = 1000
"""Repetitions that a pattern can ask for, by the evaluator's own limit."""

_COMPARING = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"})
_SEARCHING = frozenset({"contains", "startsWith", "endsWith"})
_REPEATED = re.compile(r"\{(\d{1,4})(?:,(\d{0,4}))?\}")


class Bulk(Struct, frozen=True):
    """The most that a value holds: `weight` in characters, all that is in it told; `count` and `element` of a list."""

    weight: int
    count: int = 1
    element: Bulk | None = None
    anything: bool = False
    """Whether nobody knows beforehand what it is: then its elements may be as much."""

    @property
    def each(self) -> Bulk:
        """One of its elements."""
        return self if self.anything else self.element or Bulk(self.weight)

    def beside(self, other: Bulk) -> Bulk:
        """The bulk of this and the other one put together."""
        element = max(self.each, other.each, key=lambda bulk: bulk.weight)
        return Bulk(self.weight + other.weight, self.count + other.count, element)


def _many(count: int, element: Bulk) -> Bulk:
    return Bulk(count * element.weight, count, element)


def _bulk_of(name: str, value: object) -> Bulk:
    if isinstance(value, str):
        return Bulk({"error.message": LONGEST_MESSAGE, "target.url": ADDRESS}.get(name, TEXT))
    return Bulk(SMALL)


_ITEM = Bulk(2 * LONGEST_MESSAGE, 10, Bulk(LONGEST_MESSAGE))
VARIABLES: Mapping[str, Bulk] = {name: _bulk_of(name, value) for name, value in DEFAULTS.items()} | {
    "post.platforms": _many(MOST_PLATFORMS, Bulk(NAME)),
    "post.labels": _many(MOST_LABELS, Bulk(TEXT)),
    "post.attributes": _many(MOST_ATTRIBUTES, Bulk(TEXT)),
    "post.urls": _many(MOST_PLATFORMS, Bulk(ADDRESS)),
    "post.targets": _many(MOST_PLATFORMS, Bulk(LONGEST_MESSAGE + ADDRESS + 6 * NAME, 8, Bulk(LONGEST_MESSAGE))),
    "change.fields": _many(len(FIELDS), Bulk(NAME)),
    "event.data": Bulk(LONGEST_DATA, LONGEST_DATA // 4, anything=True),
    "run.items": _many(MOST_ITEMS, _ITEM),
}


def check_cost(node: Node) -> None:
    """Raises BadText where the expression could be more work than is allowed."""
    made, work = _Estimate(VARIABLES).of(node)
    if work + made.weight > MOST:
        told = f"could be {work + made.weight:.0e} steps of work" if work < 10**300 else "could go on for ever"
        raise BadText(f"{told}; {MOST:.0e} are allowed: fewer loops within loops, or shorter patterns")


class _Estimate(Struct, frozen=True):
    known: Mapping[str, Bulk]

    def of(self, node: Node) -> tuple[Bulk, int]:
        """The most that the value holds, and the work of making it."""
        match node:
            case Const(literal):
                return Bulk(len(literal) if isinstance(literal, str) else SMALL), 1
            case Name(name):
                return self.known.get(name, Bulk(TEXT)), 1  # what a table holds, or a workflow was given
            case Field(of, field, _):
                bulk, work = self.of(of)
                return (Bulk(NAME) if field == "platforms" and bulk == _ITEM else bulk.each), work + 1
            case Make(parts):
                return self._make(parts)
            case Call(function, args):
                return self._call(function, args)
            case Loop():
                return self._loop(node)

    def _make(self, parts: tuple[Node, ...]) -> tuple[Bulk, int]:
        made = Bulk(0, 0, Bulk(0))
        work = 1
        for part in parts:
            bulk, more = self.of(part)
            made, work = made.beside(Bulk(bulk.weight, 1, bulk)), work + more
        return made, work

    def _call(self, function: str, args: tuple[Node, ...]) -> tuple[Bulk, int]:
        found = [self.of(arg) for arg in args]
        bulks, work = [bulk for bulk, _ in found], 1 + sum(work for _, work in found)
        whole = sum(bulk.weight for bulk in bulks)
        if function == "_+_":
            return bulks[0].beside(bulks[-1]), work + whole
        if function == "_?_:_":
            return max(bulks[1:], key=lambda bulk: bulk.weight), work
        if function == "_[_]":
            return bulks[0].each, work
        if function == "matches":
            return Bulk(SMALL), work + bulks[0].weight * _states(args[-1])
        if function in _COMPARING:
            return Bulk(SMALL), work + min(bulk.weight for bulk in bulks) // 100 + max(bulk.count for bulk in bulks)
        if function in _SEARCHING:
            return Bulk(SMALL), work + whole // 10
        if function == "at":
            return Bulk(TEXT), work + TEXT
        if function == "bucket":
            return Bulk(SMALL), work + whole // 10
        if function in ("string", "dyn", "bytes"):
            return bulks[0], work + whole
        return Bulk(SMALL), work

    def _loop(self, loop: Loop) -> tuple[Bulk, int]:
        """What each turn adds is the same, because only the macros themselves touch what they keep."""
        over, work = self.of(loop.over)
        start, more = self.of(loop.start)
        inner = _Estimate({**self.known, loop.name: over.each, loop.kept: start})
        (turn, step), (_, asked) = inner.of(loop.step), inner.of(loop.goes_on)
        added = Bulk(max(turn.weight - start.weight, 0), max(turn.count - start.count, 0), turn.element)
        kept = Bulk(start.weight + over.count * added.weight, start.count + over.count * added.count, turn.element)
        after = _Estimate({**self.known, loop.kept: kept})
        result, last = after.of(loop.result)
        return result, work + more + over.count * (step + asked) + last


def _states(pattern: Node) -> int:
    """How many states a pattern can have."""
    if not isinstance(pattern, Const) or not isinstance(pattern.literal, str):
        raise BadText('"matches" takes a pattern that stands here in quotes: one from elsewhere could take for ever')
    times = 1
    for least, most in _REPEATED.findall(pattern.literal):
        times *= max(int(most or least), 1)
    return len(pattern.literal) * min(times, MOST_STATES)
