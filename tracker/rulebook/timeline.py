"""The `[[test]]`s beside rules, their timelines, and tests that could never fail, or never pass, because of a name.

0s   >  post.failed  error.code=timeout error.retryable=true      > this happens
1m   <  retry                                                     < this must be done, at just that time
2m   >  @restart
1h   !  retry                                                     ! this must not have been done by then
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct

from tracker.domain.duration import parse_duration
from tracker.domain.rules.event_pattern import EventName, Transition, parse_event_pattern
from tracker.domain.rules.rule import Every, Expect, Rule
from tracker.domain.rules.step import AlertStep, PauseStep, ResumeStep, SendStep
from tracker.errors import Misconfigured, did_you_mean
from tracker.rulebook.grammar import GIVEN, PERFORMED, SEVERITIES, TEST, meant_platform
from tracker.toml.positions import BadText, Place, together

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

COMMANDS = ("@restart", "@reload")
SPANS = ("scheduled_at", "at")
"""Fields that are moments, written as the time since the beginning."""
FLAGS = ("error.retryable", "resolved")
FACT_FIELDS = (*GIVEN, "at")
DEMANDED: Mapping[str, tuple[str, ...]] = {
    "alert": ("to", "post", "target", "title", "body", "severity", "resolved"),
    "send": ("to", "post", "body", "event"),
    "retry": ("to", "post", "target"),
    "reconcile": ("to", "post"),
    "pause": ("to",),
    "resume": ("to",),
    "set": ("to", "post"),
}
"""What can be demanded of what each verb does."""

ACTION_FIELDS = tuple(dict.fromkeys(name for names in DEMANDED.values() for name in names))

_LINE = re.compile(r"\s*(\S+)\s+(\S+)\s+(\S+)(?:\s+(.*?))?\s*")


class Line(Struct, frozen=True):
    """One line. `mark` is `>`, `<` or `!`; `word` an event, a command or a verb; `number` its place from 1."""

    number: int
    at: timedelta
    mark: str
    word: str
    fields: Mapping[str, str]
    text: str
    column: int = 1


def parse_timeline(text: str) -> tuple[Line, ...]:
    """The lines of a timeline, blank ones and `# remarks` left out. Raises BadText where one is wrong."""
    lines: list[Line] = []
    wrong: list[BadText] = []
    offset = 0
    for number, written in enumerate(text.split("\n"), 1):
        if written.strip() and not written.lstrip().startswith("#"):
            try:
                lines.append(_line(number, written, lines[-1].at if lines else timedelta(0)))
            except ValueError as error:
                wrong.append(BadText(str(error), offset + len(written) - len(written.lstrip())))
        offset += len(written) + 1
    if wrong:
        raise together(wrong)
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
    fields = _fields(found[4] or "", FACT_FIELDS if mark == ">" else DEMANDED[word], "" if mark == ">" else word)
    if mark == ">":
        _check_told(word, fields)
    return Line(number, at, mark, word, fields, written.strip(), len(written) - len(written.lstrip()) + 1)


def _check_happening(word: str) -> None:
    if word.startswith("@"):
        if word not in COMMANDS:
            raise ValueError(f'"{word}" is none of {", ".join(COMMANDS)}{did_you_mean(word, COMMANDS)}')
    elif isinstance(event := parse_event_pattern(word), Transition) or (isinstance(event, EventName) and event.is_glob):
        raise ValueError(f'"{word}": what happens is one event, such as "post.failed"')


def _check_told(word: str, told: Mapping[str, str]) -> None:
    """Refuse what would be dropped. Raises ValueError."""
    if word.startswith("account.") and "post" not in told and "platform" in told and "account" not in told:
        raise ValueError("platform= goes with account=: what happens to an account says which one")


def _fields(text: str, known: Collection[str], verb: str) -> dict[str, str]:
    """The fields of a line; of a demand (`verb`) the first may be where it goes to."""
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise ValueError(f'{text}: a quote is never closed: write name="a text with blanks"') from error
    fields: dict[str, str] = {}
    for place, part in enumerate(parts):
        name, equals, value = part.partition("=")
        if not equals and place == 0 and verb:
            name, value = "to", part
        elif equals and verb and name in ACTION_FIELDS and name not in known:
            raise ValueError(f"{name}: a demand of {verb} has no such field; it has {', '.join(known)}")
        elif not equals or name not in known:
            there_are = did_you_mean(name, known) or f" (it may have {', '.join(known)})"
            raise ValueError(f'"{part}" is no name=value of this line{there_are}')
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
    if name == "severity" and value not in SEVERITIES:
        raise ValueError(f'{name}="{value}" is none of {", ".join(SEVERITIES)}{did_you_mean(value, SEVERITIES)}')
    if name == "platform":
        for word in value.split(","):
            if meant := meant_platform(word.strip()):
                raise ValueError(f'"{word.strip()}" is no platform (did you mean "{meant}"?)')
    return value


class RuleTest(Struct, frozen=True):
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
    if rule is not None:
        table.faults.mention((*table.path, "rule"), rule)
    if timeline is not None:
        _check_accounts(table, told, timeline)
    if rule is None or timeline is None or len(table.faults.found) != before:
        return None
    positions = table.faults.positions
    line, first = positions.key(table.path).line, positions.inside((*table.path, "timeline"), 0).line
    return RuleTest(rule, table.text("name") or rule, told, timeline, table.faults.file, line, first)


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
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            told[name] = checked(name, text)
        except ValueError as error:
            table.fault(name, str(error))
    return told


NEARLY = 0.8
"""How alike two events' names are of which one is a slip for the other."""


def misfits(
    tests: Iterable[RuleTest], rules: Mapping[str, Rule], providers: Collection[str] | None
) -> Iterator[Misconfigured]:
    """A fault for each name in a test that its rule does not know; of rules that are faulty nothing is said."""
    for test in tests:
        rule = rules.get(test.rule)
        if rule is None:
            continue
        for line in test.timeline:
            number = test.first + line.number - 1
            told = {**test.given, **line.fields}
            faults = _of_fact(line, told, rule, providers) if line.mark == ">" else _of_demand(line, rule)
            for wrong in faults:
                yield Misconfigured(wrong, file=test.file, key="test.timeline", line=number, column=line.column)


def _of_demand(line: Line, rule: Rule) -> Iterator[str]:
    to = line.fields.get("to")
    named = _named(rule).get(line.word)
    if to and named is not None and to not in named:
        there_are = f"it names {', '.join(sorted(named))}" if named else "no step of it does that"
        yield f'the rule has no step {line.word} = "{to}"{did_you_mean(to, named) or f" ({there_are})"}'
    sends = [step for step in rule.all_steps if isinstance(step, SendStep) and step.endpoint == (to or step.endpoint)]
    if line.word == "send" and "body" in line.fields and sends and not any(step.body for step in sends):
        yield 'body: no such send of the rule has a text: give it one with "body" or "template"'


def _named(rule: Rule) -> Mapping[str, Collection[str]]:
    steps = rule.all_steps
    return {
        "alert": {step.channel for step in steps if isinstance(step, AlertStep)},
        "send": {step.endpoint for step in steps if isinstance(step, SendStep)},
        "pause": {step.rule for step in steps if isinstance(step, PauseStep)},
        "resume": {step.rule for step in steps if isinstance(step, ResumeStep)},
    }


def _of_fact(line: Line, told: Mapping[str, str], rule: Rule, providers: Collection[str] | None) -> Iterator[str]:
    provider = told.get("provider")
    if provider and providers is not None and provider not in providers:
        there_are = did_you_mean(provider, providers) or f" (there is {', '.join(sorted(providers))})"
        yield f'there is no provider "{provider}" in the configuration{there_are}'
    if line.word.startswith(("@", "post.")):
        return
    heard = list(_heard(rule))
    if not any(word.names(line.word) for word in heard):
        near = get_close_matches(line.word, [word.pattern for word in heard], 1, NEARLY)
        if near:
            yield f'the rule never hears of "{line.word}" (did you mean "{near[0]}"?)'


def _heard(rule: Rule) -> Iterator[EventName]:
    trigger = rule.trigger
    expected = trigger.words if isinstance(trigger, Expect) else trigger.over if isinstance(trigger, Every) else ()
    words = (*rule.starting_words, *rule.waits_for, *rule.cancel_on, *expected)
    yield from (word for word in words if isinstance(word, EventName))
