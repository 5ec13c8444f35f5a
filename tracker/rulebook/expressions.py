"""CEL behind one door: conditions and the holes of texts, checked when they are loaded, evaluated without raising.

Only this file knows the evaluator. Its errors come back as values, and the value of an error is a text, which Python
takes for true: so a condition holds only where its value `is True`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from cel_expr_python import cel

from tracker.domain.rules.grouping import DEFAULTS, Environment
from tracker.domain.rules.rule import FALSE, TRUE, Verdict
from tracker.errors import did_you_mean
from tracker.rulebook.cel_analysis import check_cost, fast_path
from tracker.rulebook.cel_syntax import Call, Const, Name, Node, conjunction, offsets, parse, walk
from tracker.toml.positions import BadText

LONGEST = 2000
FUNCTIONS = (
    "all", "bool", "contains", "double", "duration", "dyn", "endsWith", "exists", "exists_one", "filter",
    "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes",
    "getMonth", "getSeconds", "has", "int", "map", "matches", "size", "startsWith", "string", "timestamp", "type",
)  # fmt: skip
_SLIPS = {"=": "==", "and": "&&", "or": "||", "not": "!", "&": "&&", "|": "||"}
_ERROR = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '(.*?)'")
_OVERLOAD = re.compile(r"found no matching overload for '_?(.*?)_?' applied to '\((.*)\)'")
_SLIP = re.compile(r"Syntax error: (?:token recognition error at: '|extraneous input '|mismatched input ')(=|\w+|&|\|)")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")


def _type(name: str, value: object) -> cel.Type:
    """The type of a variable follows from its default; only what a list holds does not."""
    if isinstance(value, list):
        return cel.Type.List(_ITEM if name == "run.items" else cel.Type.STRING)
    if isinstance(value, dict):
        return cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
    types = {bool: cel.Type.BOOL, int: cel.Type.INT, datetime: cel.Type.TIMESTAMP, timedelta: cel.Type.DURATION}
    return types.get(type(value), cel.Type.STRING)


_ITEM = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_VARIABLES = {name: _type(name, value) for name, value in DEFAULTS.items()}
_IN_TEXTS = cel.NewEnv(variables=_VARIABLES)
_IN_CONDITIONS = cel.NewEnv(variables={name: kind for name, kind in _VARIABLES.items() if not name.startswith("run.")})


class Condition:
    """A compiled `when`: values in, verdict out."""

    def __init__(self, text: str) -> None:
        """Raises BadText, with the offset in `text`, for what cannot be judged, or could take too long."""
        self.text = text
        self._expression, self._tree = _compile(_IN_CONDITIONS, text)
        kind = self._expression.return_type()
        if kind != cel.Type.BOOL:
            raise BadText(f"must be true or false, but it is {_article(_plain_type(kind.name()))}")
        self._shortcut = fast_path(self._tree)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The variables on which it rests."""
        return frozenset(node.name for node in walk(self._tree) if isinstance(node, Name)) & DEFAULTS.keys()

    @property
    def conjunctions(self) -> list[int]:
        """Where in `text` its outermost `&&` stand."""
        at = offsets(self._expression.serialize())
        return [at[node.id] for node in [*conjunction(self._tree)][1::2] if isinstance(node, Call)]

    def __call__(self, values: Mapping[str, object]) -> Verdict:
        """Whether it holds; what cannot be evaluated is an error, never true."""
        try:
            holds = self._shortcut.holds(values)
        except (KeyError, TypeError):
            return self.evaluate(values)
        if not holds:
            return FALSE
        return TRUE if self._shortcut.whole else self.evaluate(values)

    def evaluate(self, values: Mapping[str, object]) -> Verdict:
        """Whether it holds, evaluated by CEL without the shortcut; what cannot be evaluated is an error."""
        try:
            found = self._expression.eval(_activation(values)).value()
        except Exception as error:  # the evaluator's bindings raise what they like, and a batch must go on
            return Verdict("error", _reason(str(error)))
        if found is True:
            return TRUE
        return FALSE if found is False else Verdict("error", _reason(str(found)))


class Hole:
    """A compiled expression in a text: values in, value out."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._expression, _ = _compile(_IN_TEXTS, text)

    def __call__(self, values: Mapping[str, object]) -> object:
        """Its value as a plain Python object. Raises ValueError with the reason where it has none."""
        try:
            found = self._expression.eval(data=dict(values))
        except Exception as error:
            raise ValueError(_reason(str(error))) from error
        if found.type() == cel.Type.ERROR:
            raise ValueError(_reason(str(found.value())))
        return found.plain_value()


def _activation(values: Mapping[str, object]) -> Any:
    """The values in the evaluator's own form, made once for all conditions that look at them."""
    if not isinstance(values, Environment):
        return _IN_CONDITIONS.Activation(dict(values))
    if values.prepared is None:
        values.prepared = _IN_CONDITIONS.Activation(values)
    return values.prepared


def _compile(environment: cel.Env, text: str) -> tuple[cel.Expression, Node]:
    if not text.strip():
        raise BadText("is empty")
    if len(text) > LONGEST:
        raise BadText(f"is {len(text)} characters long; {LONGEST} are allowed")
    try:
        expression = environment.compile(text)
    except Exception as error:
        raise _explain(str(error), text) from error
    tree = parse(expression.serialize())
    _check(tree, text)
    return expression, tree


def _check(node: Node, text: str) -> None:
    """Refuse what could take too long, and patterns that are none."""
    for part in walk(node):
        match part:
            case Call("matches", (_, Const(str(pattern)))):
                said = _IN_TEXTS.compile(f'"".matches({json.dumps(pattern, ensure_ascii=False)})').eval(data={})
                if said.type() == cel.Type.ERROR:
                    raise BadText(_reason(str(said.value())), max(text.find(pattern), 0))
    check_cost(node)


def _explain(message: str, text: str) -> BadText:
    """The evaluator's complaints in our words: the first for which a right word is known, or else the first."""
    found = [_one(match, text) for match in _ERROR.finditer(message)]
    if not found:
        return BadText(_reason(message.partition("\n")[0]))
    return next((one for one in found if "did you mean" in str(one) or "write" in str(one)), found[0])


def _one(match: re.Match[str], text: str) -> BadText:
    offset, message = _offset(text, int(match[1]), int(match[2])), _reason(match[3])
    if name := _UNDECLARED.search(message):
        return _undeclared(name[1], text, offset)
    if overload := _OVERLOAD.search(message):
        kinds = ", ".join(_plain_type(kind) for kind in overload[2].split(", "))
        return BadText(f'"{overload[1]}" cannot be used with ({kinds})', offset)
    if (slip := _SLIP.search(message)) and slip[1] in _SLIPS:
        return BadText(f'"{slip[1]}" is not CEL (write "{_SLIPS[slip[1]]}")', offset)
    if "'<EOF>'" in message.partition(" expecting ")[0]:
        return BadText("something is missing at the end", offset)
    return BadText(message.partition(" expecting ")[0].replace("Syntax error: ", ""), offset)


def _undeclared(name: str, text: str, offset: int) -> BadText:
    is_call = text.startswith("(", offset)
    start = offset - len(name if is_call else name.rpartition(".")[0])
    offset = start if text.startswith(name, max(start, 0)) else offset
    if name in DEFAULTS:
        return BadText(f"{name} is known only in texts, not where a condition is judged", offset)
    if is_call:
        return BadText(f"{name}: no function of that name{did_you_mean(name, FUNCTIONS)}", offset)
    return BadText(f"{name}: not a value that rules can read{_nearest(name)}", offset)


def _nearest(name: str) -> str:
    """The right name that is meant, or else what its noun has."""
    noun, _, field = name.partition(".")
    fields = [one.partition(".")[2] for one in DEFAULTS if one.startswith(f"{noun}.")]
    if not fields:
        return did_you_mean(name, DEFAULTS)
    near = did_you_mean(field, fields)
    return near.replace('"', f'"{noun}.', 1) if near else f" ({noun} has {', '.join(fields)})"


def _offset(text: str, line: int, column: int) -> int:
    if line < 1 or column < 1:
        return 0
    above = text.split("\n")[: line - 1]
    return min(sum(len(one) + 1 for one in above) + column - 1, len(text))


def _reason(message: str) -> str:
    return _STATUS.sub("", message).strip()[:300] or "unknown"


def _plain_type(name: str) -> str:
    return name.replace("google.protobuf.", "").replace("STRING", "text").replace("string", "text").lower()


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
