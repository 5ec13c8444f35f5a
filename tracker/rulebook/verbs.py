"""One step from its table: what each verb needs, pauses between tries, and what it means where it says nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from tracker.domain.actions import Backoff
from tracker.domain.duration import parse_duration
from tracker.domain.rules.choice import Addressee, addressees
from tracker.domain.rules.event_pattern import ACKNOWLEDGED, EventName, EventPattern
from tracker.domain.rules.step import (
    AlertStep,
    ChangeStep,
    CreateStep,
    PauseStep,
    ReconcileStep,
    Render,
    ResumeStep,
    RetryStep,
    SendStep,
    SetStep,
    Step,
    WaitStep,
)
from tracker.rulebook.context import Context
from tracker.rulebook.grammar import ASKED, MOST_TRIES, RETRIED, SEVERITIES, meant_platform
from tracker.rulebook.nouns import NO_ADDRESS
from tracker.rulebook.tables import wrong_noun
from tracker.rulebook.templates import Template
from tracker.rulebook.triggers import read_word

if TYPE_CHECKING:
    from tracker.rulebook.reading import Table

FORMS = 'the first pause, then "x2", "max 30m" and "jitter 20%" as wanted, as in "1m x2 max 30m jitter 20%"'
STEEPEST = 100

_TEXT = re.compile(r"(\S+)(?:\s+x\s*(\d+(?:\.\d+)?))?(?:\s+max\s+(\S+))?(?:\s+jitter\s+(\d+)\s*%)?", re.ASCII)


def parse_backoff(text: str) -> Backoff:
    """The pauses that `text` names. Raises ValueError, whose text tells the accepted form."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'"{text}" is not a backoff: write {FORMS}')
    first, factor, longest, jitter = found.groups()
    backoff = Backoff(
        first=parse_duration(first),
        factor=float(factor or 1),
        longest=parse_duration(longest) if longest else max(parse_duration(first), timedelta(days=1)),
        jitter=int(jitter or 0) / 100,
    )
    if wrong := _wrong(backoff):
        raise ValueError(f'"{text}": {wrong}')
    return backoff


def _wrong(backoff: Backoff) -> str | None:
    if backoff.first <= timedelta(0):
        return "the first pause must be longer than nothing"
    if backoff.longest < backoff.first:
        return "the longest pause is shorter than the first"
    if not 1 <= backoff.factor <= STEEPEST:
        return f"pauses grow by a factor from 1 to {STEEPEST}"
    return "the jitter is at most 100%" if backoff.jitter > 1 else None


def parse_repeat(text: str) -> tuple[timedelta, int | None]:
    """The span of "4h max 3", and how often at most; None: without an end. Raises ValueError for what is none."""
    span, limit, most = text.partition(" max ")
    repeat = parse_duration(span)
    if repeat <= timedelta(0):
        raise ValueError("must be longer than nothing")
    if limit and not (most.strip().isascii() and most.strip().isdigit() and 1 <= int(most) <= MOST_REPETITIONS):
        raise ValueError(f'"{most.strip()}" is no number of times from 1 to {MOST_REPETITIONS}, as in "4h max 3"')
    return repeat, int(most) if limit else None


LONGEST_TITLE, LONGEST_EVENT, LONGEST_LABEL, LONGEST_TEXT = 300, 100, 200, 10_000
TRIES, BACKOFF = 3, "1m x2 max 30m jitter 20%"
GROUP = timedelta(minutes=1)
MOST_LABELS, MOST_REPETITIONS = 20, 999
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def read_alerts(table: Table, context: Context) -> Iterator[Step]:
    """An alert for each channel that the step names, and the wait for somebody to acknowledge one of them."""
    channels = table.several("alert", context.addressee("channel", context.known.channels))
    title = table.parsed("title", lambda text: context.text(text, LONGEST_TITLE, one_line=True))
    if "title" not in table:
        table.fault("", 'an alert needs a "title"')
    body, severity = _body(table, context), table.choice("severity", SEVERITIES, context.severity)
    resolves, group = table.flag("resolves", default=False), _group(table)
    repeat, most = table.parsed("repeat", parse_repeat) or (None, None)
    ack = _ack(table, context)
    if title:
        for channel in dict.fromkeys(channels):
            yield AlertStep(
                channel, title, body, severity, resolves, group, repeat, most, bool(ack), context.owner,
                context.runbook,
            )  # fmt: skip
        if ack:
            yield WaitStep((EventName(ACKNOWLEDGED),), ack, context.branch(table))


UNSIGNED = (
    "nobody has said with what to sign the link in its messages: write a long random text as"
    ' link_secret = { env = "TRACKER_LINK_SECRET" } under [server] in the configuration'
)


def _ack(table: Table, context: Context) -> timedelta | None:
    """How long somebody has to acknowledge the alert. Its messages bear a signed link, each one of its own."""
    if "ack" not in table:
        return None
    if context.known.public_url == "":
        table.fault("ack", NO_ADDRESS)
    if not context.known.signs_links:
        table.fault("ack", UNSIGNED)
    if table.values.get("group", False) is not False:
        table.fault("group", 'does not go with "ack": a message of several alerts could not say which is meant')
    return table.span("ack")


def _group(table: Table) -> timedelta | None:
    value = table.values.get("group", False)
    if isinstance(value, bool):
        return GROUP if value else None
    if isinstance(value, str):
        return table.span("group")
    table.fault("group", 'must be true (for one minute) or how long to wait for others, as in "5m"')
    return None


def _body(table: Table, context: Context) -> Render | None:
    if "body" in table and "template" in table:
        table.fault("template", 'stands in place of "body": give one of the two')
    page = table.parsed("template", context.page)
    return page or table.parsed("body", lambda text: context.text(text, LONGEST_TEXT))


def _send(table: Table, context: Context) -> SendStep | None:
    endpoint = table.parsed("send", context.addressee("endpoint or channel", context.known.addressees))
    event = table.parsed("event", lambda text: context.text(text, LONGEST_EVENT, one_line=True))
    event = event or Template(context.event, LONGEST_EVENT, one_line=True)
    data = table.texts("data", lambda text: context.text(text, LONGEST_TEXT)) if "data" in table else None
    body, at_most = _body(table, context), table.span("at_most")
    noun = table.parsed("as", lambda name: _noun(name, context))
    if noun and endpoint and (deaf := _deaf(endpoint, context)):
        table.fault("as", f'"{deaf}" is a channel, which answers nothing: "at_most" and "else" wait until it is told')
    if at_most and not {"as", "else"} & table.values.keys():
        table.fault("at_most", 'waits for nothing that follows: write else = "…", or as = "…" to read the answer')
    otherwise = context.branch(table) if noun or at_most else None
    return SendStep(endpoint, event, data, body, noun or "", at_most, otherwise) if endpoint else None


def _noun(name: str, context: Context) -> str:
    """Under what the answer is kept. Raises ValueError where it could not be read as what it is."""
    if wrong := wrong_noun(name):
        raise ValueError(f'"{name}": the noun of an answer {wrong}')
    if any(one.startswith(f"{name}.") and kind is not dict for one, kind in context.scope.kinds.items()):
        raise ValueError(f'"{name}" is a table that the rule looks up: call the answer otherwise')
    if name in context.answered:
        raise ValueError(f'"{name}" is the answer of another step of these: call this one otherwise')
    context.answered.append(name)
    return f"{context.prefix}{name}"


def _deaf(endpoint: Addressee, context: Context) -> str:
    """A channel among those to whom a step may turn."""
    deaf = {*(context.known.channels or ())} - {*(context.known.endpoints or ())}
    return next((one for one in addressees(endpoint) if one in deaf), "")


def _retry(table: Table, context: Context) -> RetryStep:
    what, tries = table.choice("retry", RETRIED, RETRIED[0]), table.number("tries", TRIES, 1, MOST_TRIES)
    return RetryStep(what, tries, table.parsed("backoff", parse_backoff) or parse_backoff(BACKOFF))


def _wait(table: Table, context: Context) -> WaitStep | None:
    if is_span(table.values.get("wait")):
        return _pause_of_its_own(table)
    words, at_most = table.several("wait", _awaited), table.span("at_most")
    return WaitStep(words, at_most, context.branch(table) if at_most else None) if words else None


def _pause_of_its_own(table: Table) -> WaitStep | None:
    if "at_most" in table:
        table.fault("at_most", "goes with a wait for an event: one for a span always ends by itself")
    lasting = table.span("wait")
    return WaitStep((), lasting) if lasting else None


def _awaited(text: str) -> EventPattern:
    if is_span(text):
        raise ValueError(f'"{text}" is no event: write at_most = "{text}" beside them, or a step {{ wait = "{text}" }}')
    return read_word(text)


def is_span(value: object) -> bool:
    """Whether it begins as a duration does, and no event."""
    return isinstance(value, str) and value.strip()[:1].isdigit()


def _reconcile(table: Table, context: Context) -> ReconcileStep:
    table.choice("reconcile", ASKED, ASKED[0])
    return ReconcileStep()


def _change(table: Table, context: Context) -> ChangeStep:
    verb = next(verb for verb in ("cancel", "delete") if verb in table)
    table.choice(verb, ASKED, ASKED[0])
    return ChangeStep(verb)


def _reschedule(table: Table, context: Context) -> ChangeStep | None:
    by = table.parsed("reschedule", parse_move)
    return ChangeStep("reschedule", by) if by else None


def parse_move(text: str) -> timedelta:
    """How much later "+30m" is, or earlier "-30m". Raises ValueError for what is neither."""
    sign, span = text.strip()[:1], text.strip()[1:]
    if sign not in ("+", "-"):
        raise ValueError(f'"{text}" does not say whether later or earlier: write it as in "+30m" or "-30m"')
    by = parse_duration(span)
    if not by:
        raise ValueError("must be longer than nothing")
    return by if sign == "+" else -by


def _create(table: Table, context: Context) -> CreateStep | None:
    table.choice("create", ASKED, ASKED[0])
    platforms, accounts = table.several("platforms", _platform), table.several("accounts", str)
    if "platforms" not in table:
        table.fault("", 'a post that is created needs "platforms", as in platforms = ["bluesky"]')
    text = table.parsed("text", lambda text: context.text(text, LONGEST_TEXT))
    if text and "post.text" in text.reads:
        table.warn("text", 'post.text is its beginning, and a longer one is cut: without "text" all of it goes out')
    return CreateStep(platforms, accounts, text) if platforms else None


def _platform(name: str) -> str:
    if meant := meant_platform(name):
        raise ValueError(f'"{name}" is no platform (did you mean "{meant}"?)')
    return name


def _pause(table: Table, context: Context) -> PauseStep | None:
    rule, lasting = _rule(table, "pause", context), table.span("for")
    if "for" not in table:
        table.fault("", 'a pause needs a "for": how long it lasts')
    return PauseStep(rule, lasting) if rule and lasting else None


def _resume(table: Table, context: Context) -> ResumeStep | None:
    rule = _rule(table, "resume", context)
    return ResumeStep(rule) if rule else None


def _rule(table: Table, key: str, context: Context) -> str | None:
    rule = table.text(key)
    if rule and rule == context.rule:
        better = (
            '"once" keeps it from firing again too soon' if key == "pause" else "while it is paused, it does not run"
        )
        table.fault(key, f"a rule cannot {key} itself: {better}")
        return None
    if rule:
        table.faults.mention((*table.path, key), rule)
    return rule


def _set(table: Table, context: Context) -> SetStep | None:
    labels = table.texts("set", lambda text: context.text(text, LONGEST_LABEL, one_line=True))
    inner = table.table("set")
    for name in inner.values if inner else ():
        if inner and not LABEL.fullmatch(name):
            inner.fault_at_key(name, "a label's name is made of letters, digits, - and _, and is at most 64 long")
    if inner and not 1 <= len(inner.values) <= MOST_LABELS:
        table.fault("set", f"puts {len(inner.values)} labels on the post; a step puts 1 to {MOST_LABELS}")
    return SetStep(labels) if labels else None


READERS: Mapping[str, Callable[[Table, Context], Step | None]] = {
    "send": _send,
    "retry": _retry,
    "wait": _wait,
    "reconcile": _reconcile,
    "cancel": _change,
    "reschedule": _reschedule,
    "delete": _change,
    "create": _create,
    "pause": _pause,
    "resume": _resume,
    "set": _set,
}
