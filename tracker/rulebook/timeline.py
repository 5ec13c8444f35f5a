"""The `[[test]]`s beside rules, and their timelines: what happens to a post, and what a rule must do about it.

0s   >  post.failed  error.code=timeout error.retryable=true      > this happens
1m   <  retry                                                     < this must be done, at just that time
2m   >  @restart
1h   !  retry                                                     ! this must not have been done by then
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.duration import parse_duration
from tracker.domain.rules.event_pattern import EventName, Transition, parse_event_pattern
from tracker.errors import did_you_mean
from tracker.rulebook.grammar import GIVEN, PERFORMED, TEST
from tracker.toml.positions import BadText

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

COMMANDS = ("@restart", "@reload")
SPANS = ("scheduled_at", "at")
"""Fields that are moments, written as the time since the beginning."""
FLAGS = ("error.retryable", "resolved")
FACT_FIELDS = (*GIVEN, "at")
ACTION_FIELDS = ("to", "post", "target", "title", "body", "severity", "resolved", "event")

_LINE = re.compile(r"\s*(\S+)\s+(\S+)\s+(\S+)(?:\s+(.*?))?\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `mark` is `>`, `<` or `!`; `word` an event, a command or a verb; `number` its place from 1."""

    number: int
    at: timedelta
    mark: str
    word: str
    fields: Mapping[str, str]
    text: str


def parse_timeline(text: str) -> tuple[Line, ...]:
    """The lines of a timeline, blank ones and `# remarks` left out. Raises BadText where one is wrong."""
    lines: list[Line] = []
    offset = 0
    for number, written in enumerate(text.split("\n"), 1):
        if written.strip() and not written.lstrip().startswith("#"):
            try:
                lines.append(_line(number, written, lines[-1].at if lines else timedelta(0)))
            except ValueError as error:
                raise BadText(str(error), offset + len(written) - len(written.lstrip())) from error
        offset += len(written) + 1
    if not any(line.mark in "<!" for line in lines):
        raise BadText('demands nothing: a test needs a line with "<" (must happen) or "!" (must not)')
    return tuple(lines)


def _line(number: int, written: str, before: timedelta) -> Line:
    found = _LINE.fullmatch(written)
    if found is None or found[2] not in (">", "<", "!"):
        raise ValueError('a line is a time, then ">" (happens), "<" (must happen) or "!" (must not), then what')
    at, mark, word = parse_duration(found[1]), found[2], found[3]
    if at < before:
        raise ValueError("the lines must be in the order of their times")
    if mark == ">":
        _check_happening(word)
    elif word not in PERFORMED:
        raise ValueError(f'"{word}" is none of {", ".join(PERFORMED)}{did_you_mean(word, PERFORMED)}')
    fields = _fields(found[4] or "", FACT_FIELDS if mark == ">" else ACTION_FIELDS, mark != ">")
    return Line(number, at, mark, word, fields, written.strip())


def _check_happening(word: str) -> None:
    if word.startswith("@"):
        if word not in COMMANDS:
            raise ValueError(f'"{word}" is none of {", ".join(COMMANDS)}{did_you_mean(word, COMMANDS)}')
    elif isinstance(event := parse_event_pattern(word), Transition) or (isinstance(event, EventName) and event.is_glob):
        raise ValueError(f'"{word}": what happens is one event, such as "post.failed"')


def _fields(text: str, known: Collection[str], names_target: bool) -> dict[str, str]:
    fields: dict[str, str] = {}
    for place, part in enumerate(shlex.split(text)):
        name, equals, value = part.partition("=")
        if not equals and place == 0 and names_target:
            name, value = "to", part
        elif not equals or name not in known:
            raise ValueError(f'"{part}" is no name=value of this line{did_you_mean(name, known)}')
        fields[name] = checked(name, value)
    return fields


def checked(name: str, value: str) -> str:
    """The value, if the field can have it. Raises ValueError."""
    if name in SPANS:
        parse_duration(value)
    if name == "attempt" and not value.isdecimal():
        raise ValueError(f'{name}="{value}" is not a number')
    if name in FLAGS and value not in ("true", "false"):
        raise ValueError(f'{name}="{value}" is neither true nor false')
    return value


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
