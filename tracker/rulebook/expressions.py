"""CEL behind one door: conditions and the holes of texts, checked when they are loaded, evaluated without raising.

Only this file knows the evaluator. Its errors come back as values, and the value of an error is a text, which Python
takes for true: so a condition holds only where its value `is True`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from cel_expr_python import cel

from tracker.domain.rules.grouping import DEFAULTS, Environment
from tracker.domain.rules.rule import FALSE, TRUE, Verdict
from tracker.rulebook.cel_analysis import check_cost, fast_path
from tracker.rulebook.cel_checks import doubtful, misread
from tracker.rulebook.cel_faults import explained, plain_type, reason
from tracker.rulebook.cel_syntax import Call, Const, Name, Node, conjunction, offsets, parse, walk
from tracker.rulebook.reading import Doubtful, article
from tracker.toml.positions import BadText

LONGEST = 2000
MOST_KEPT = 1024
"""Holes that are kept compiled."""


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


class Condition(Doubtful):
    """A compiled `when`: values in, verdict out. `tree` is what it says."""

    def __init__(self, text: str) -> None:
        """Raises BadText, with the offset in `text`, for what cannot be judged, or could take too long."""
        self.text = text
        self._expression, self.tree = _compile(_IN_CONDITIONS, text)
        kind = self._expression.return_type()
        if kind != cel.Type.BOOL:
            raise BadText(f"must be true or false, but it is {article(plain_type(kind.name()))}")
        self._shortcut = fast_path(self.tree)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The variables on which it rests."""
        return _read_in(self.tree)

    def misread(self) -> Iterator[BadText]:
        """What it reads in vain."""
        return misread(self.tree, self.text)

    def doubts(self) -> Iterator[BadText]:
        """What it reads that may not be there."""
        return doubtful(self.tree, self.text)

    @property
    def conjunctions(self) -> list[int]:
        """Where in `text` its outermost `&&` stand."""
        at = offsets(self._expression.serialize())
        return [at[node.id] for node in [*conjunction(self.tree)][1::2] if isinstance(node, Call)]

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
            return Verdict("error", reason(str(error)))
        if found is True:
            return TRUE
        return FALSE if found is False else Verdict("error", reason(str(found)))


class Hole:
    """A compiled expression in a text, where it stands `at`: values in, value out. `tree` is what it says."""

    def __init__(self, text: str, at: int = 0) -> None:
        self.text, self.at = text, at
        self._expression, self.tree, self.reads = _compiled_hole(text)

    def misread(self) -> Iterator[BadText]:
        """What it reads in vain."""
        return misread(self.tree, self.text)

    def doubts(self) -> Iterator[BadText]:
        """What it reads that may not be there."""
        return doubtful(self.tree, self.text)

    def __call__(self, values: Mapping[str, object]) -> object:
        """Its value as a plain Python object. Raises ValueError with the reason where it has none."""
        try:
            found = self._expression.eval(data=dict(values))
        except Exception as error:
            raise ValueError(reason(str(error))) from error
        if found.type() == cel.Type.ERROR:
            raise ValueError(reason(str(found.value())))
        return found.plain_value()


@lru_cache(MOST_KEPT)
def _compiled_hole(text: str) -> tuple[cel.Expression, Node, frozenset[str]]:
    """The expression of a hole, its tree and what it reads. Most rules' texts have holes that others have too."""
    expression, tree = _compile(_IN_TEXTS, text)
    return expression, tree, _read_in(tree)


def _read_in(tree: Node) -> frozenset[str]:
    return frozenset(node.name for node in walk(tree) if isinstance(node, Name)) & DEFAULTS.keys()


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
        raise explained(str(error), text) from error
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
                    raise BadText(reason(str(said.value())), max(text.find(pattern), 0))
    check_cost(node)
