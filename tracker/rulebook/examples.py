"""The `[[test]]`s that stand beside rules, as written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.errors import did_you_mean
from tracker.rulebook.grammar import TEST_KEYS
from tracker.rulebook.timeline import GIVEN, Line, parse_timeline

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table


@dataclass(frozen=True, slots=True)
class RuleTest:
    """What a rule must and must not do. `given` are the fields that each fact has unless its line says otherwise."""

    rule: str
    name: str
    given: Mapping[str, str]
    timeline: tuple[Line, ...]
    file: str
    line: int


def read_test(table: Table) -> RuleTest | None:
    """The test, or None where it is faulty; the reasons are noted with the table."""
    before = len(table.faults.found)
    table.only(TEST_KEYS, "a test")
    for needed in ("rule", "timeline"):
        if needed not in table:
            table.fault("", f'a test needs a "{needed}"')
    given = table.table("given")
    if given:
        given.only(GIVEN, "given")
    fields = given.values if given else {}
    rule, timeline = table.text("rule"), table.parsed("timeline", parse_timeline)
    if rule is None or timeline is None or len(table.faults.found) != before:
        return None
    place = table.faults.positions.key(table.path)
    told = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in fields.items()}
    return RuleTest(rule, table.text("name") or rule, told, timeline, table.faults.file, place.line)


def unknown_rule(test: RuleTest, rules: Collection[str]) -> str | None:
    """Why a test's rule cannot be tested."""
    return None if test.rule in rules else f'there is no rule "{test.rule}"{did_you_mean(test.rule, rules)}'
