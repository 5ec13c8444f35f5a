"""A rule's revision: a short name for what it means, the same for all texts that come to the same.

An expression is known by its tree, so that blanks, redundant brackets, remarks and the names of loops' variables are
looks; a text by its literal parts and the trees in its holes; a template by the tree of its blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, get_args

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from tracker.domain.rules.choice import Choice
from tracker.domain.rules.step import Step
from tracker.rulebook.cel_syntax import Call, Const, Field, Loop, Make, Name, Node
from tracker.rulebook.expressions import Condition, Hole
from tracker.rulebook.scope import Supplier
from tracker.rulebook.step_condition import StepCondition
from tracker.rulebook.template_files import TemplateFile
from tracker.rulebook.templates import Template

if TYPE_CHECKING:
    from tracker.domain.rules.rule import Rule

LOOKS = frozenset({"revision", "enabled", "description", "owner", "runbook", "line"})
"""What a rule can change without meaning something else; a Cron's `line` is only how it was written."""

ORDERED = get_args(Step)
"""Only they mean something by the order in which they stand."""

_AS_THEY_ARE = frozenset({str, int, bool, float, type(None)})
_JOINING = ("_&&_", "_||_")
NOTHING_BOUND: Mapping[str, str] = {}


def revision_of(rule: Rule) -> str:
    """Twelve hexadecimal digits that the rule's meaning alone decides."""
    meaning = json.dumps(_plain(rule), sort_keys=True, ensure_ascii=True)
    return sha256(meaning.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    if type(value) in _AS_THEY_ARE:  # most are
        return value
    if isinstance(value, (Condition, StepCondition)):
        return _with_rows({"cel": written(value.tree)}, value.supplied)
    if isinstance(value, Hole):
        return {"cel": written(value.tree)}
    if isinstance(value, Template):
        parts = [part if isinstance(part, str) else _plain(part) for part in value.parts]
        return _with_rows(parts, value.supplied)
    if isinstance(value, TemplateFile):
        return _with_rows(value.meaning, value.supplied)
    if isinstance(value, Struct):
        return {"row": value.meaning} if isinstance(value, Choice) else {"is": type(value).__name__, **_named(value)}
    if isinstance(value, tuple | frozenset):
        several = [_plain(one) for one in value]
        return several if any(isinstance(one, ORDERED) for one in value) else sorted(several, key=json.dumps)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, time):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def _with_rows(meaning: object, supplied: Mapping[str, Supplier]) -> object:
    """With what the tables hold that it reads: an edit there is one of the rule."""
    if not supplied:  # as most do not
        return meaning
    rows = {name: one.meaning for name, one in supplied.items() if isinstance(one, Choice)}
    return {"reads": meaning, "rows": rows} if rows else meaning


def _named(value: Struct) -> dict[str, object]:
    """The fields that say something; one at its default says nothing, so that a new field changes no old rule."""
    return {
        name: _plain(found)
        for name, default in _defaults(type(value)).items()
        if (found := getattr(value, name)) != default
    }


@cache
def _defaults(kind: type[Struct]) -> dict[str, object]:
    """The fields of such values that mean something, with their defaults; what must always be said equals none."""
    meant = [one for one in fields(kind) if one.name not in LOOKS]
    return {one.name: one.default if one.default_factory is NODEFAULT else one.default_factory() for one in meant}


def written(node: Node, bound: Mapping[str, str] = NOTHING_BOUND) -> str:
    """The expression as everybody would write it who means the same; `bound` are the names of loops' variables."""
    match node:
        case Const(literal, other):
            return json.dumps(literal) if other is None else repr(other)
        case Name(name):
            return bound.get(name, name)
        case Field(of, field, asked):
            return f"{'has ' if asked else ''}{written(of, bound)}.{json.dumps(field)}"
        case Call(function):
            return f"{function}({', '.join(written(one, bound) for one in _joined(node))})"
        case Make(parts, of):
            return f"{of}[{', '.join(written(one, bound) for one in parts)}]"
        case Loop():
            own = {**bound, node.name: f"${len(bound)}", node.kept: f"${len(bound) + 1}"}
            inner = (written(one, own) for one in (node.goes_on, node.step, node.result))
            return f"loop({', '.join((written(node.over, bound), written(node.start, bound), *inner))})"


def _joined(call: Call) -> Iterator[Node]:
    """The arguments; of those that join, in whichever way brackets pair them, what they join."""
    for one in call.args:
        if isinstance(one, Call) and one.function == call.function and call.function in _JOINING:
            yield from _joined(one)
        else:
            yield one
