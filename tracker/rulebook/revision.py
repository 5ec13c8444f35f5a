"""A rule's revision: a short name for what it means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import time, timedelta
from functools import cache
from hashlib import sha256
from typing import get_args

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from tracker.domain.rules.choice import Choice
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import Step
from tracker.rulebook.expressions import Condition
from tracker.rulebook.scope import Supplier
from tracker.rulebook.template_files import TemplateFile
from tracker.rulebook.templates import Template

LOOKS = frozenset({"revision", "enabled", "description", "owner", "runbook"})
"""What a rule can change without meaning something else."""

ORDERED = get_args(Step)
"""Only they mean something by the order in which they stand."""

_TOKEN = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\s+""")
_LOOSE = re.compile(r" ?([^\w\s\"'\x00]) ?")


def revision_of(rule: Rule) -> str:
    """Twelve hexadecimal digits that the rule's meaning alone decides."""
    meaning = json.dumps(_plain(rule), sort_keys=True, ensure_ascii=True)
    return sha256(meaning.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    if isinstance(value, Condition):
        return _with_rows(_expression(value.text), value.supplied)
    if isinstance(value, Template | TemplateFile):
        return _with_rows(value.text, value.supplied)
    if isinstance(value, Choice):
        return {"row": value.meaning}
    if isinstance(value, Struct):
        return {"is": type(value).__name__, **_named(value)}
    if isinstance(value, tuple | frozenset):
        parts = [_plain(one) for one in value]
        return parts if any(isinstance(one, ORDERED) for one in value) else sorted(parts, key=json.dumps)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, time):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def _with_rows(text: str, supplied: Mapping[str, Supplier]) -> object:
    """The text, with what the tables hold that it reads: an edit there is one of the rule."""
    rows = {name: one.meaning for name, one in supplied.items() if isinstance(one, Choice)}
    return {"text": text, "rows": rows} if rows else text


def _named(value: Struct) -> dict[str, object]:
    """The fields that say something; one at its default says nothing, so that a new field changes no old rule."""
    return {
        name: _plain(found)
        for name, default in _defaults(type(value)).items()
        if name not in LOOKS and (found := getattr(value, name)) != default
    }


@cache
def _defaults(kind: type[Struct]) -> dict[str, object]:
    """The fields of such values with their defaults; what must always be said equals none."""
    return {
        one.name: one.default if one.default_factory is NODEFAULT else one.default_factory() for one in fields(kind)
    }


def _expression(text: str) -> str:
    """The expression with its blanks outside quotes reduced to those that part words."""
    strings: list[str] = []

    def keep(match: re.Match[str]) -> str:
        strings.append(match[1] or "")
        return "\x00" if match[1] else " "

    bare = _LOOSE.sub(r"\1", _TOKEN.sub(keep, text)).strip()
    return "\x01".join([bare, *(one for one in strings if one)])
