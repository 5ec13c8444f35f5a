"""The steps of a rule, read from its tables."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.domain.action import Backoff
from tracker.domain.step import AlertStep, RetryStep, SendStep, Step
from tracker.errors import did_you_mean
from tracker.rulebook.backoff import parse_backoff
from tracker.rulebook.grammar import LATER_STEP_KEYS, LATER_VERBS, RETRIED, SEVERITIES, STEP_KEYS
from tracker.rulebook.templates import Template

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

LONGEST_TITLE, LONGEST_EVENT, LONGEST_TEXT = 300, 100, 10_000
MOST_STEPS, MOST_TRIES, TRIES = 20, 20, 3
BACKOFF = "1m x2 max 30m jitter 20%"


@dataclass(frozen=True, slots=True)
class Known:
    """The names that rules may use; None where they are not known, so that nothing is checked against them."""

    channels: Collection[str] | None = None
    endpoints: Collection[str] | None = None
    providers: Collection[str] | None = None


def read_steps(table: Table, key: str, known: Known, severity: str) -> tuple[Step, ...]:
    """The steps under `key`, those that are faulty left out with the reason noted."""
    tables = table.tables(key)
    if len(tables) > MOST_STEPS:
        table.fault(key, f"has {len(tables)} steps; {MOST_STEPS} are allowed")
        return ()
    found = [_step(one, known, severity) for one in tables]
    return tuple(step for step in found if step is not None)


def _step(table: Table, known: Known, severity: str) -> Step | None:
    verbs = [verb for verb in STEP_KEYS if verb in table]
    later = [verb for verb in table.values if verb in LATER_VERBS]
    if later and not verbs:
        table.fault_at_key(later[0], f'"{later[0]}" is not supported by this version')
        return None
    if len(verbs) != 1:
        _no_verb(table, verbs)
        return None
    table.only(STEP_KEYS[verbs[0]], f"{_article(verbs[0])} step", LATER_STEP_KEYS | LATER_VERBS)
    if verbs[0] == "alert":
        return _alert(table, known, severity)
    return _send(table, known) if verbs[0] == "send" else _retry(table)


def _no_verb(table: Table, verbs: list[str]) -> None:
    hints = [(key, hint) for key in table.values if (hint := did_you_mean(key, (*STEP_KEYS, *LATER_VERBS)))]
    if verbs:
        table.fault_at_key(verbs[1], f"a step does one thing: {' and '.join(verbs)} are steps of their own")
    elif hints:
        table.fault_at_key(hints[0][0], f"no verb of that name{hints[0][1]}")
    else:
        table.fault("", f"says nothing to do: a step has one of {', '.join(STEP_KEYS)}")


def _alert(table: Table, known: Known, severity: str) -> AlertStep | None:
    channel = table.parsed("alert", _named("channel", known.channels))
    title = table.parsed("title", lambda text: Template(text, LONGEST_TITLE, one_line=True))
    body = table.parsed("body", lambda text: Template(text, LONGEST_TEXT))
    severity, resolves = table.choice("severity", SEVERITIES, severity), table.flag("resolves", default=False)
    if "title" not in table:
        table.fault("", 'an alert needs a "title"')
    return AlertStep(channel, title, body, severity, resolves) if channel and title else None


def _send(table: Table, known: Known) -> SendStep | None:
    endpoint = table.parsed("send", _named("endpoint", known.endpoints))
    event = table.parsed("event", lambda text: Template(text, LONGEST_EVENT, one_line=True))
    if "event" not in table:
        table.fault("", 'a send needs an "event": the name under which the other system hears of it')
    data = table.table("data")
    fields = (
        {name: data.parsed(name, lambda text: Template(text, LONGEST_TEXT)) for name in data.values} if data else {}
    )
    told = {name: text for name, text in fields.items() if text}
    return SendStep(endpoint, event, told if data else None) if endpoint and event else None


def _retry(table: Table) -> RetryStep:
    what, tries = table.choice("retry", RETRIED, RETRIED[0]), table.number("tries", TRIES, 1, MOST_TRIES)
    backoff: Backoff | None = table.parsed("backoff", parse_backoff)
    return RetryStep(what, tries, backoff or parse_backoff(BACKOFF))


def _named(what: str, known: Collection[str] | None) -> Callable[[str], str]:
    def check(name: str) -> str:
        if known is None or name in known:
            return name
        hint = did_you_mean(name, known) or (f" (there is {', '.join(sorted(known))})" if known else "")
        raise ValueError(f'there is no {what} "{name}" in the configuration{hint}')

    return check


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
