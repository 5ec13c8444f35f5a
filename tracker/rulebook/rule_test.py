"""The `[[test]]`s beside rules, read from their tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from tracker.domain.calendar import parse_moment
from tracker.domain.posts.description import NAME, NAMES
from tracker.rulebook.grammar import GIVEN, TEST
from tracker.rulebook.timeline import NAMED, Line, checked, parse_timeline
from tracker.toml.positions import Place

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

BEGINNING = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""A Monday: when a timeline begins that does not say when it `starts`."""

EVERY_RULE = "*"
POST, PROVIDER = "p1", "sosyalkopru"
"""Whom a fact is about, and who tells it, where it does not say so."""


class RuleTest(Struct, frozen=True):
    """What rules must and must not do. `given` are the fields that each fact has unless its line says otherwise.

    `rules` are those that are played together, or EVERY_RULE alone. `line` is where the test begins in its file, and
    `first` where its timeline does.
    """

    rules: tuple[str, ...]
    name: str
    given: Mapping[str, str]
    timeline: tuple[Line, ...]
    file: str
    line: int
    first: int
    starts: datetime = BEGINNING

    @property
    def rule(self) -> str:
        """The names of the rules."""
        return ", ".join(self.rules)

    @property
    def plays_all(self) -> bool:
        """Whether all rules are played that are in force."""
        return self.rules == (EVERY_RULE,)

    @property
    def plays_several(self) -> bool:
        """Whether more than one rule may act."""
        return self.plays_all or len(self.rules) > 1


def read_test(table: Table) -> RuleTest | None:
    """The test, or None where it is faulty; the reasons are noted with the table."""
    before = len(table.faults.found)
    table.only(TEST, "a test")
    if ("rule" in table) == ("rules" in table):
        table.fault("rules", 'a test needs either a "rule" or "rules": a list of them, or "*" for all')
    if "timeline" not in table:
        table.fault("", 'a test needs a "timeline"')
    given = table.table("given")
    if given:
        given.only(GIVEN, "given")
    told = _given(given) if given else {}
    rules, timeline = _rules(table), table.parsed("timeline", parse_timeline)
    starts = table.parsed("starts", parse_moment)
    if timeline is not None:
        _check_accounts(table, told, timeline)
    if not rules or timeline is None or len(table.faults.found) != before:
        return None
    positions = table.faults.positions
    line, first = positions.key(table.path).line, positions.inside((*table.path, "timeline"), 0).line
    name = table.text("name") or ", ".join(rules)
    return RuleTest(rules, name, told, timeline, table.faults.file, line, first, starts or BEGINNING)


def _rules(table: Table) -> tuple[str, ...]:
    one = table.text("rule")
    if one is not None:
        table.faults.mention((*table.path, "rule"), one)
        return (one,)
    several, path = table.several("rules", str), (*table.path, "rules")
    if EVERY_RULE in several and len(several) > 1:
        table.fault("rules", f'"{EVERY_RULE}" is every rule: name no others beside it')
    for place, name in enumerate(several):
        if name != EVERY_RULE:
            table.faults.mention((*path, place) if isinstance(table.values["rules"], list) else path, name)
    return tuple(dict.fromkeys(several))


def _check_accounts(table: Table, given: Mapping[str, str], timeline: tuple[Line, ...]) -> None:
    """An account is one of a platform; without it nothing would be told of it."""
    path = (*table.path, "timeline")
    start = table.faults.positions.inside(path, 0).line
    for line in timeline:
        told = {**given, **line.fields} if line.mark == ">" and line.word.startswith("post.") else {}
        if "account" in told and "platform" not in told:
            wrong = f"account={told['account']} goes with platform=: an account is one of a platform"
            table.faults.note(path, wrong, Place(start + line.number - 1, line.column))
            return


def _given(table: Table) -> dict[str, str]:
    told: dict[str, str] = {}
    for name, value in table.values.items():
        if name not in NAMED:
            _tell(table, name, name, value, told)
        elif inner := table.table(name):
            for own, text in inner.values.items():
                if not NAME.fullmatch(own):
                    inner.fault_at_key(own, f"is no name of {name}: write {NAMES}")
                _tell(inner, own, f"{name}.{own}", text, told)
    return told


def _tell(table: Table, key: str, name: str, value: object, told: dict[str, str]) -> None:
    if isinstance(value, dict | list):
        table.fault(key, "must be a text, a number or a flag")
        return
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        told[name] = checked(name, text)
    except ValueError as error:
        table.fault(key, str(error))
