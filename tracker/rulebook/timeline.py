"""Timelines: what happens to a post, and what a rule must and must not do about it, line by line.

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

from tracker.domain.duration import parse_duration
from tracker.domain.rules.event_pattern import EventName, Transition, parse_event_pattern
from tracker.errors import did_you_mean
from tracker.rulebook.grammar import GIVEN, PERFORMED
from tracker.toml.positions import BadText

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
