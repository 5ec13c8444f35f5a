"""The values that rules read as plain JSON: kept with a run, taken from there again, and told to other systems."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from tracker.domain.rules.grouping import DEFAULTS, Environment


def to_plain(values: Mapping[str, object]) -> dict[str, object]:
    """The values that are not absent, as plain JSON: small enough to keep with a run."""
    return {name: _plain(value) for name, value in values.items() if value != DEFAULTS[name]}


def from_plain(plain: Mapping[str, object]) -> Environment:
    """The inverse of `to_plain`; what this version does not know is dropped."""
    values = Environment(DEFAULTS)
    for name in DEFAULTS.keys() & plain.keys():
        values[name] = _typed(DEFAULTS[name], plain[name])
    return values


def to_nested(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The values as other systems get them: one object for each noun, null for what is absent, no run in it."""
    nouns: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        noun, _, field = name.partition(".")
        absent = isinstance(value, datetime | str) and value == DEFAULTS[name]
        nouns.setdefault(noun, {})[field] = None if absent else _plain(value)
    nouns["post"].pop("link", None)  # who reads the post's page of ours is a person, and a text can name it
    unsaid = {"run"} if values["action.verb"] else {"run", "action"}
    return {noun: fields for noun, fields in nouns.items() if noun not in unsaid}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value


def _typed(default: object, value: object) -> object:
    if isinstance(default, datetime):
        return datetime.fromisoformat(str(value))
    if isinstance(default, timedelta):
        return timedelta(seconds=float(str(value)))
    return value
