"""The part of a condition that needs no evaluator: comparisons of a value with a literal, joined by `&&`.

Most conditions are nothing else, and among many rules most are false by such a part. What it says is what CEL says:
the values have declared types, so that neither can fail, and one false operand makes a conjunction false.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tracker.rulebook.cel_syntax import Call, Const, Name, Node, conjunction

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "_==_": operator.eq, "_!=_": operator.ne,
    "_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge,
}  # fmt: skip

Test = tuple[str, Callable[[Any, Any], bool], object]
"""The name of a value, how it is compared, and with what."""


@dataclass(frozen=True, slots=True)
class FastPath:
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
