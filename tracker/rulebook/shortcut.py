"""The part of a condition that needs no evaluator: comparisons of a value with a literal, joined by `&&`.

Most conditions are nothing else, and among many rules most are false by such a part. What it says is what CEL says:
the values have declared types, so that neither can fail, and one false operand makes a conjunction false.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracker.domain.rules.subject import DEFAULTS

_NAME = r"([a-z_]+\.[a-z_]+)"
_TRUTH = re.compile(rf"(!?)\s*{_NAME}")
_COMPARISON = re.compile(rf"{_NAME}\s*(==|!=|<=|>=|<|>)\s*(-?\d{{1,18}}|true|false|'[^'\\]*'|\"[^\"\\]*\")")
_TOKEN = re.compile(r"'[^'\\\n]*'|\"[^\"\\\n]*\"|&&|\|\||[?()\[\]{}\\'\"]|.", re.DOTALL)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

Test = tuple[str, Callable[[Any, Any], bool], object]
"""The name of a value, how it is compared, and with what."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The tests that all must hold; `whole` where they are the entire condition."""

    tests: tuple[Test, ...]
    whole: bool

    def holds(self, values: Mapping[str, object]) -> bool:
        """Whether all tests hold."""
        for name, compare, literal in self.tests:  # noqa: SIM110  (twice as fast as all() for the one or two there are)
            if not compare(values[name], literal):
                return False
        return True


def shortcut(text: str) -> Shortcut:
    """What can be taken out of a condition that compiles; nothing where its form is not plainly a conjunction."""
    operands = list(_operands(text))
    tests = [test for operand in operands if (test := _test(operand.strip()))]
    return Shortcut(tuple(tests), bool(operands) and len(tests) == len(operands))


def _operands(text: str) -> Iterator[str]:
    """The operands of the outermost `&&`; none where there is another operator outside, or a doubtful quote."""
    if "//" in text:
        return
    parts, depth = [""], 0
    for piece in _TOKEN.findall(text):
        if piece in ("\\", "'", '"', "?", "||") and (depth == 0 or piece in ("\\", "'", '"')):
            return
        depth += (piece in "([{") - (piece in ")]}") if len(piece) == 1 else 0
        if piece == "&&" and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    yield from parts


def _test(operand: str) -> Test | None:
    if match := _TRUTH.fullmatch(operand):
        known = isinstance(DEFAULTS.get(match[2]), bool)
        return (match[2], operator.eq, not match[1]) if known else None
    match = _COMPARISON.fullmatch(operand)
    if match is None or not isinstance(DEFAULTS.get(match[1]), str | int):
        return None
    return match[1], _OPERATORS[match[2]], _literal(match[3])


def _literal(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return text[1:-1] if text[0] in "'\"" else int(text)
