"""The `[[test]]`s that stand beside rules, as written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.errors import did_you_mean
from tracker.rulebook.grammar import GIVEN, TEST
from tracker.rulebook.timeline import Line, checked, parse_timeline

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table


@dataclass(frozen=True, slots=True)
class RuleTest:
    """What a rule must and must not do. `given` are the fields that each fact has unless its line says otherwise.

    `line` is where the test begins in its file, and `first` where its timeline does.
    """

    rule: str
    name: str
    given: Mapping[str, str]
    timeline: tuple[Line, ...]
    file: str
    line: int
    first: int


def read_test(table: Table) -> RuleTest | None:
    """The test, or None where it is faulty; the reasons are noted with the table."""
    before = len(table.faults.found)
    table.only(TEST, "a test")
    for needed in ("rule", "timeline"):
        if needed not in table:
            table.fault("", f'a test needs a "{needed}"')
    given = table.table("given")
    if given:
        given.only(GIVEN, "given")
    told = _given(given) if given else {}
    rule, timeline = table.text("rule"), table.parsed("timeline", parse_timeline)
    if rule is None or timeline is None or len(table.faults.found) != before:
        return None
    positions = table.faults.positions
    line, first = positions.key(table.path).line, positions.inside((*table.path, "timeline"), 0).line
    return RuleTest(rule, table.text("name") or rule, told, timeline, table.faults.file, line, first)


def _given(table: Table) -> dict[str, str]:
    told: dict[str, str] = {}
    for name, value in table.values.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            told[name] = checked(name, text)
        except ValueError as error:
            table.fault(name, str(error))
    return told


def unknown_rule(test: RuleTest, rules: Collection[str]) -> str | None:
    """Why a test's rule cannot be tested."""
    return None if test.rule in rules else f'there is no rule "{test.rule}"{did_you_mean(test.rule, rules)}'
