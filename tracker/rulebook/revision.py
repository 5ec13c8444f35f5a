"""The revision of a rule: a short name for what it means, equal for texts that differ only in looks."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from datetime import timedelta
from hashlib import sha256

from tracker.domain.rule import Rule
from tracker.domain.step import AlertStep, RetryStep, SendStep
from tracker.rulebook.expressions import Condition
from tracker.rulebook.templates import Template

LOOKS = frozenset({"revision", "enabled"})
"""What a rule can change without meaning something else."""

IN_ORDER = (AlertStep, SendStep, RetryStep)
"""Only steps mean something by the order in which they stand."""

_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\s+""")
_LOOSE = re.compile(r" ?([^\w\s\"'\x00]) ?")


def revision_of(rule: Rule) -> str:
    """Twelve hexadecimal digits that the rule's meaning alone decides."""
    meaning = json.dumps(_plain(rule), sort_keys=True, ensure_ascii=True)
    return sha256(meaning.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    if isinstance(value, Condition):
        return _expression(value.text)
    if isinstance(value, Template):
        return value.text
    if is_dataclass(value):
        return {"is": type(value).__name__, **_named(value)}
    if isinstance(value, tuple | frozenset):
        parts = [_plain(one) for one in value]
        return parts if any(isinstance(one, IN_ORDER) for one in value) else sorted(parts, key=json.dumps)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value.total_seconds() if isinstance(value, timedelta) else value


def _named(value: object) -> dict[str, object]:
    """The fields that say something; one at its default says nothing, so that a new field changes no old rule."""
    said = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in LOOKS}  # type: ignore[arg-type]  # only dataclasses come here
    defaults = {one.name: one.default for one in fields(value)}  # type: ignore[arg-type]  # the same
    return {name: _plain(one) for name, one in said.items() if one != defaults[name]}


def _expression(text: str) -> str:
    """The expression with its blanks outside quotes reduced to those that part words."""
    strings: list[str] = []

    def keep(match: re.Match[str]) -> str:
        strings.append(match[1] or "")
        return "\x00" if match[1] else " "

    bare = _LOOSE.sub(r"\1", _TOKEN.sub(keep, text)).strip()
    return "\x01".join([bare, *(one for one in strings if one)])
