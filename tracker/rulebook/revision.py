"""The revision of a rule: a short name for what it means, equal for texts that differ only in looks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import time, timedelta
from hashlib import sha256
from typing import get_args

from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import Step
from tracker.rulebook.expressions import Condition
from tracker.rulebook.template_files import TemplateFile
from tracker.rulebook.templates import Template

LOOKS = frozenset({"revision", "enabled"})
"""What a rule can change without meaning something else."""

ORDERED = get_args(Step)
"""Only they mean something by the order in which they stand."""

CALLED = {"StateEntered": "Entering", "Transition": "Crossing", "EventName": "Named"}
"""What revisions call a class that has another name by now: a new revision would arm all of a rule's timers anew."""

_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\s+""")
_LOOSE = re.compile(r" ?([^\w\s\"'\x00]) ?")


def revision_of(rule: Rule) -> str:
    """Twelve hexadecimal digits that the rule's meaning alone decides."""
    meaning = json.dumps(_plain(rule), sort_keys=True, ensure_ascii=True)
    return sha256(meaning.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    if isinstance(value, Condition):
        return _expression(value.text)
    if isinstance(value, Template | TemplateFile):
        return value.text
    if is_dataclass(value):
        return {"is": CALLED.get(type(value).__name__, type(value).__name__), **_named(value)}
    if isinstance(value, tuple | frozenset):
        parts = [_plain(one) for one in value]
        return parts if any(isinstance(one, ORDERED) for one in value) else sorted(parts, key=json.dumps)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, time):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def _named(value: object) -> dict[str, object]:
    """The fields that say something; one at its default says nothing, so that a new field changes no old rule."""
    said: dict[str, object] = {}
    for one in fields(value):  # type: ignore[arg-type]  # only dataclasses come here
        default = one.default if one.default_factory is MISSING else one.default_factory()
        found = getattr(value, one.name)
        if one.name not in LOOKS and found != default:
            said[one.name] = _plain(found)
    return said


def _expression(text: str) -> str:
    """The expression with its blanks outside quotes reduced to those that part words."""
    strings: list[str] = []

    def keep(match: re.Match[str]) -> str:
        strings.append(match[1] or "")
        return "\x00" if match[1] else " "

    bare = _LOOSE.sub(r"\1", _TOKEN.sub(keep, text)).strip()
    return "\x01".join([bare, *(one for one in strings if one)])
