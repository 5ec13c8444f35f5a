"""Whom a rule is about, read from its `match`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from tracker.domain.rules.event_pattern import is_glob, parse_state
from tracker.domain.rules.rule import Match
from tracker.rulebook.context import named
from tracker.rulebook.grammar import MATCH
from tracker.rulebook.platforms import meant_platform

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table


def read_match(table: Table, providers: Collection[str] | None) -> tuple[Match, ...]:
    """The `match` of a rule; `providers` are the names to check against, None where they are not known."""
    match = table.table("match")
    if match is None:
        return ()
    match.only(MATCH, "match")
    check = named("provider", providers)
    checks: dict[str, Callable[[str], str]] = {
        "platform": _platform,
        "account": str,
        "provider": lambda text: text if is_glob(text) else check(text),
        "state": lambda text: text if is_glob(text) else str(parse_state(text)),
    }
    found = [Match(key, match.several(key, checks[key])) for key in MATCH if key in match]
    return tuple(one for one in found if one.words)


def _platform(text: str) -> str:
    meant = None if is_glob(text) else meant_platform(text)
    if meant:
        raise ValueError(f'"{text}" is no platform (did you mean "{meant}"?)')
    return text
