"""The timelines of tests: what happens to a post, and what rules must do about it.

0s   >  post.failed  error.code=timeout error.retryable=true      > this happens
1m   <  retry                                                     < this must be done, at just that time
2m   >  @restart
1h   !  retry                                                     ! this must not have been done by then
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from datetime import timedelta

from msgspec import Struct

from tracker.domain.duration import parse_duration
from tracker.domain.posts.description import NAME, NAMES
from tracker.domain.rules.event_pattern import ACTION_DEAD, ACTION_DONE, EventName, Transition, parse_event_pattern
from tracker.errors import did_you_mean
from tracker.rulebook.grammar import BROKEN, GIVEN, PERFORMED, SEVERITIES, meant_platform
from tracker.toml.positions import BadText, together

COMMANDS = ("@restart", "@reload")
SPANS = ("scheduled_at", "at")
"""Fields that are moments, written as the time since the beginning."""
FLAGS = ("error.retryable", "resolved")
NAMED = ("labels", "attributes")
"""Of a post: what has names of its own, as in `labels.tier=vip`."""

STATES_TOLD = ("connected", *BROKEN)
"""How an account can be told to stand."""

DATA = "data"
"""What an event carries, name by name."""

ANSWERS = "answer"
"""What another system has answered, name by name."""
OWN_NAMES = (*NAMED, DATA, ANSWERS)

OF_ACTIONS = ("action.verb", "action.target", "action.reason", "action.rule")
"""What `action.dead` tells, and by which `action.done` is known; `action.rule` is the rule that had asked for it."""

FACT_FIELDS = (*(name for name in GIVEN if name not in NAMED), *OF_ACTIONS, "at")
DEMANDED: Mapping[str, tuple[str, ...]] = {
    "alert": ("to", "post", "target", "title", "body", "severity", "resolved", "rule"),
    "send": ("to", "post", "body", "event", "rule"),
    "retry": ("to", "post", "target", "rule"),
    "reconcile": ("to", "post", "rule"),
    "cancel": ("to", "post", "rule"),
    "reschedule": ("to", "post", "scheduled_at", "rule"),
    "delete": ("to", "post", "rule"),
    "create": ("to", "post", "platforms", "text", "rule"),
    "pause": ("to", "rule"),
    "resume": ("to",),
    "set": ("to", "post", "rule"),
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
    elif word == ACTION_DONE:
        return
    elif isinstance(event := parse_event_pattern(word), Transition) or (isinstance(event, EventName) and event.is_glob):
        raise ValueError(f'"{word}": what happens is one event, such as "post.failed"')


def _check_told(word: str, told: Mapping[str, str]) -> None:
    """Refuse what would be dropped. Raises ValueError."""
    of_action = next((name for name in OF_ACTIONS if name in told), "")
    if of_action and word not in (ACTION_DEAD, ACTION_DONE):
        raise ValueError(f"{of_action}= goes with {ACTION_DEAD} or {ACTION_DONE}")
    answer = next((name for name in told if name.startswith(f"{ANSWERS}.")), "")
    if answer and word != ACTION_DONE:
        raise ValueError(f"{answer}= goes with {ACTION_DONE}: it is what a send was answered")
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
        elif not equals or (name not in known and (verb or not _has_own_name(name))):
            _, _, own = name.partition(".")
            named = () if verb else [f"{kind}.{own or '<name>'}" for kind in OWN_NAMES]
            there_are = did_you_mean(name, [*known, *named]) or f" (it may have {', '.join([*known, *named])})"
            raise ValueError(f'"{part}" is no name=value of this line{there_are}')
        fields[name] = checked(name, value)
    return fields


def _has_own_name(field: str) -> bool:
    kind, point, name = field.partition(".")
    if not point or kind not in OWN_NAMES:
        return False
    if not NAME.fullmatch(name):
        raise ValueError(f'"{name}" is no name of {kind}: write {NAMES}')
    return True


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
    if name == "account.state" and value not in STATES_TOLD:
        raise ValueError(f'{name}="{value}" is none of {", ".join(STATES_TOLD)}{did_you_mean(value, STATES_TOLD)}')
    if name == "platform":
        for word in value.split(","):
            if meant := meant_platform(word.strip()):
                raise ValueError(f'"{word.strip()}" is no platform (did you mean "{meant}"?)')
    return value
