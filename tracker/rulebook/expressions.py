"""CEL behind one door: conditions and the holes of texts, checked when they are loaded, evaluated without raising.

Only this file knows the evaluator. Its errors come back as values, and the value of an error is a text, which Python
takes for true: so a condition holds only where its value `is True`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any
from zlib import crc32

from cel_expr_python import cel

from tracker.domain.rules.grouping import DEFAULTS, Environment
from tracker.domain.rules.rule import FALSE, TRUE, Verdict
from tracker.rulebook.cel_analysis import Test, check_cost, fast_path, impossible
from tracker.rulebook.cel_checks import LISTS, doubtful, misread
from tracker.rulebook.cel_faults import explained, mended, plain_type, reason
from tracker.rulebook.cel_syntax import Call, Const, Name, Node, conjunction, offsets, parse, walk
from tracker.rulebook.local_times import EXAMPLE, at, wrong_arguments
from tracker.rulebook.reading import Doubtful, article
from tracker.rulebook.scope import NOTHING_MORE, Scope, filled, known_in
from tracker.toml.positions import BadText, together

LONGEST = 2000
MOST_KEPT = 1024
"""Holes that are kept compiled."""


_ITEM = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_OF_KINDS = {
    bool: cel.Type.BOOL, int: cel.Type.INT, datetime: cel.Type.TIMESTAMP, timedelta: cel.Type.DURATION, dict: _ITEM,
}  # fmt: skip


def _type(name: str, value: object) -> cel.Type:
    """The type of a variable follows from its default; only what a list holds does not."""
    if isinstance(value, list):
        return cel.Type.List(_ITEM if name in LISTS else cel.Type.STRING)
    if isinstance(value, dict):
        return _ITEM if name == "event.data" else cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
    return _OF_KINDS.get(type(value), cel.Type.STRING)


_VARIABLES = {name: _type(name, value) for name, value in DEFAULTS.items()}
_AT = cel.FunctionDecl("at", [
    cel.Overload(f"at_{kind.name()}_{len(form)}", cel.Type.STRING, [kind, cel.Type.STRING, *form], impl=at)
    for kind in (cel.Type.TIMESTAMP, cel.Type.STRING) for form in ([], [cel.Type.STRING])
])  # fmt: skip


def _bucket(text: str) -> int:
    """One of a hundred, always the same for a text; each is as likely as the others."""
    return crc32(text.encode()) % 100


_BUCKET = cel.FunctionDecl("bucket", [cel.Overload("bucket_text", cel.Type.INT, [cel.Type.STRING], impl=_bucket)])


def _environment(variables: Mapping[str, cel.Type]) -> cel.Env:
    return cel.NewEnv(variables=variables, functions=[_AT, _BUCKET])


@lru_cache(MOST_KEPT)
def _known_to(declared: tuple[tuple[str, type], ...], *, in_text: bool) -> cel.Env:
    """The environment in which names of a scope's own are known besides."""
    usual = {name: kind for name, kind in _VARIABLES.items() if in_text or not name.startswith("run.")}
    return _environment(usual | {name: _OF_KINDS.get(kind, cel.Type.STRING) for name, kind in declared})


_IN_TEXTS = _known_to((), in_text=True)


class Condition(Doubtful):
    """A compiled `when`: values in, verdict out. `tree` is what it says."""

    def __init__(self, text: str, scope: Scope = NOTHING_MORE, *, in_text: bool = False) -> None:
        """Raises BadText, with the offset in `text`, for what cannot be judged, or could take too long.

        `in_text`: it can read what texts read, `run.*` too.
        """
        self.text, self.scope = text, scope
        self._environment = _known_to(scope.declared, in_text=in_text)
        self._expression, self.tree = _compile(self._environment, text, scope)
        self.supplied = scope.read(self.reads)
        _check_truth(self._expression)
        self._shortcut = fast_path(self.tree)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The variables on which it rests."""
        return _read_in(self.tree, self.scope)

    def misread(self) -> Iterator[BadText]:
        """What it reads in vain."""
        return misread(self.tree, self.text)

    def doubts(self) -> Iterator[BadText]:
        """What it reads that may not be there."""
        return doubtful(self.tree, self.text)

    def never_holds(self, match: Iterable[Test]) -> str:
        """Why it cannot hold where what `match` asks of the same values does; empty where it can."""
        if self.tree == Const(literal=False):
            return 'it says so (to switch the rule off, write "enabled = false")'
        tests = self._shortcut.tests
        asked = {name for name, *_ in tests}
        name = impossible([*tests, *(test for test in match if test[0] in asked)])
        return f"{name} cannot be all that is asked of it at once" if name else ""

    @property
    def conjunctions(self) -> list[int]:
        """Where in `text` its outermost `&&` stand."""
        at = offsets(self._expression.serialize())
        return [at[node.id] for node in [*conjunction(self.tree)][1::2] if isinstance(node, Call)]

    def __call__(self, values: Mapping[str, object]) -> Verdict:
        """Whether it holds; what cannot be evaluated is an error, never true."""
        if self.supplied:  # a call would cost as much as most conditions
            values = filled(values, self.supplied)
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
            found = self._expression.eval(self._activation(values)).value()
        except Exception as error:  # the evaluator's bindings raise what they like, and a batch must go on
            return Verdict("error", reason(str(error)))
        if found is True:
            return TRUE
        return FALSE if found is False else Verdict("error", reason(str(found)))

    def _activation(self, values: Mapping[str, object]) -> Any:
        """The values in the evaluator's own form, made once for all conditions that look at them."""
        if not isinstance(values, Environment):
            return self._environment.Activation(dict(values))
        if values.prepared is None:
            values.prepared = self._environment.Activation(values)
        return values.prepared


class Hole:
    """A compiled expression in a text, where it stands `at`: values in, value out. `tree` is what it says."""

    def __init__(self, text: str, at: int = 0, scope: Scope = NOTHING_MORE) -> None:
        self.text, self.at = text, at
        self._expression, self.tree, self.reads = _compiled_hole(text, scope.declared)

    def misread(self) -> Iterator[BadText]:
        """What it reads in vain."""
        return misread(self.tree, self.text)

    def doubts(self) -> Iterator[BadText]:
        """What it reads that may not be there."""
        return doubtful(self.tree, self.text)

    def check_truth(self) -> None:
        """Raises BadText where its value is not true or false."""
        _check_truth(self._expression)

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
def _compiled_hole(text: str, declared: tuple[tuple[str, type], ...]) -> tuple[cel.Expression, Node, frozenset[str]]:
    """The expression of a hole, its tree and what it reads. Most rules' texts have holes that others have too."""
    scope = Scope(kinds=dict(declared))
    expression, tree = _compile(_known_to(declared, in_text=True), text, scope)
    return expression, tree, _read_in(tree, scope)


def _check_truth(expression: cel.Expression) -> None:
    kind = expression.return_type()
    if kind != cel.Type.BOOL:
        raise BadText(f"must be true or false, but it is {article(plain_type(kind.name()))}")


def _read_in(tree: Node, scope: Scope) -> frozenset[str]:
    names = {node.name for node in walk(tree) if isinstance(node, Name)}
    return frozenset(name for name in names if name in DEFAULTS or name in scope.kinds)


def _compile(environment: cel.Env, text: str, scope: Scope) -> tuple[cel.Expression, Node]:
    if not text.strip():
        raise BadText("is empty")
    if len(text) > LONGEST:
        raise BadText(f"is {len(text)} characters long; {LONGEST} are allowed")
    try:
        expression = environment.compile(text)
    except Exception as error:
        wrong = explained(str(error), text, known_in(scope)).all
        raise together([*wrong, *_behind(environment, text, scope)]) from error
    tree = parse(expression.serialize())
    _check(tree, text)
    return expression, tree


def _behind(environment: cel.Env, text: str, scope: Scope) -> Iterator[BadText]:
    """What else is wrong where `and`, `or` and `not` have kept the evaluator from reading on."""
    further = mended(text)
    if further != text:
        try:
            environment.compile(further)
        except Exception as error:
            if "Syntax error" not in str(error):
                yield from explained(str(error), further, known_in(scope)).all


def _check(node: Node, text: str) -> None:
    """Refuse what could take too long, and patterns that are none."""
    for part in walk(node):
        match part:
            case Call("matches", (_, Const(str(pattern)))):
                said = _IN_TEXTS.compile(f'"".matches({json.dumps(pattern, ensure_ascii=False)})').eval(data={})
                if said.type() == cel.Type.ERROR:
                    raise BadText(reason(str(said.value())), max(text.find(pattern), 0))
            case Call("at", args):
                for wrong in _wrong_time(*args):
                    raise BadText(wrong, max(text.find("at("), 0))
    check_cost(node)


def _wrong_time(moment: Node, *said: Node) -> Iterator[str]:
    """What is wrong with the arguments of an `at`: the times of items are texts, no other text is a time."""
    if isinstance(moment, Const) or (isinstance(moment, Name) and isinstance(DEFAULTS.get(moment.name), str)):
        yield f"at shows a time: write {EXAMPLE}"
    literals = [one.literal if isinstance(one, Const) else one for one in said]
    yield from wrong_arguments(literals[0], literals[1] if literals[1:] else None)
