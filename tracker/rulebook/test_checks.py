"""Tests that could never fail, or never pass, because a name in them is none: of a channel, a post, an event."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from tracker.domain.actions import CHANGES_A_POST
from tracker.domain.rules.choice import addressees
from tracker.domain.rules.event_pattern import ACKNOWLEDGED, ACTION_DONE, EventName
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.step import AlertStep, PauseStep, ResumeStep, SendStep
from tracker.errors import Misconfigured, did_you_mean
from tracker.rulebook.cross_rule_checks import heard
from tracker.rulebook.grammar import meant_platform
from tracker.rulebook.rule_test import POST, PROVIDER, RuleTest
from tracker.rulebook.timeline import Line

NEARLY = 0.8
"""How alike two events' names are of which one is a slip for the other."""


@dataclass(frozen=True)
class _Cast:
    """The rules of a test: to whom they turn, by the verb; and their sends."""

    rules: Sequence[Rule]
    named: Mapping[str, Collection[str]]
    sends: Sequence[SendStep]

    @property
    def several(self) -> bool:
        return len(self.rules) > 1

    @cached_property
    def heard(self) -> list[EventName]:
        """Of which events they hear."""
        return [word for rule in self.rules for word in heard(rule)]


def misfits(
    tests: Iterable[RuleTest], rules: Mapping[str, Rule], providers: Collection[str] | None
) -> Iterator[Misconfigured]:
    """A fault for each name in a test that its rules do not know; of rules that are faulty nothing is said."""
    casts: dict[tuple[str, ...], _Cast] = {}
    for test in tests:
        names = tuple(rules) if test.plays_all else test.rules
        if not rules.keys() >= set(names):
            continue
        if test.rules not in casts:
            casts[test.rules] = _cast([rules[name] for name in names])
        posts, senders = _told(test)
        for line in test.timeline:
            if line.mark == ">":
                found = _of_fact(line, {**test.given, **line.fields}, casts[test.rules], providers)
            else:
                found = _of_demand(line, casts[test.rules], posts, senders)
            for wrong in found:
                number = test.first + line.number - 1
                yield Misconfigured(wrong, file=test.file, key="test.timeline", line=number, column=line.column)


def _cast(rules: Sequence[Rule]) -> _Cast:
    steps = [step for rule in rules for step in rule.all_steps]
    sends = [step for step in steps if isinstance(step, SendStep)]
    named = {
        "alert": {to for step in steps if isinstance(step, AlertStep) for to in addressees(step.channel)},
        "send": {to for step in sends for to in addressees(step.endpoint)},
        "pause": {step.rule for step in steps if isinstance(step, PauseStep)},
        "resume": {step.rule for step in steps if isinstance(step, ResumeStep)},
    }
    return _Cast(rules, named, sends)


def _told(test: RuleTest) -> tuple[set[str], set[str]]:
    """The posts of which the timeline tells, and who tells of them."""
    told = [{**test.given, **line.fields} for line in test.timeline if line.mark == ">"]
    return {one.get("post", POST) for one in told}, {one.get("provider", PROVIDER) for one in told}


def _of_demand(line: Line, cast: _Cast, posts: Collection[str], senders: Collection[str]) -> Iterator[str]:
    to, which = line.fields.get("to"), "no rule of the test has a" if cast.several else "the rule has no"
    named = cast.named.get(line.word)
    if to and named is not None and to not in named:
        if cast.several:
            there_are = f"they name {', '.join(sorted(named))}" if named else "no step of theirs does that"
        else:
            there_are = f"it names {', '.join(sorted(named))}" if named else "no step of it does that"
        yield f'{which} step {line.word} = "{to}"{did_you_mean(to, named) or f" ({there_are})"}'
    sends = [step for step in cast.sends if not to or to in addressees(step.endpoint)]
    if line.word == "send" and "body" in line.fields and sends and not any(step.body for step in sends):
        yield 'body: no such send of the rule has a text: give it one with "body" or "template"'
    for field, what, known in (
        ("rule", "rule of the test", [rule.id for rule in cast.rules] if "rule" in line.fields else ()),
        ("post", "post in this timeline", posts),
        ("to", "post in this timeline", posts if line.word == "set" else ()),
        ("to", "provider in this timeline", senders if line.word in (*CHANGES_A_POST, "reconcile") else ()),
    ):
        if known and (name := line.fields.get(field)) and name not in known:
            yield f'{field}: there is no {what} "{name}"{_instead(name, known)}'
    platform = line.fields.get("target", "").partition(":")[0].partition("#")[0]
    if platform and (meant := meant_platform(platform)):
        yield f'target: "{platform}" is no platform (did you mean "{meant}"?)'


def _of_end(line: Line, cast: _Cast) -> Iterator[str]:
    """Whether a run can wait for what is told to be done; all else is done at once."""
    waited = {to for step in cast.sends if step.waits for to in addressees(step.endpoint)}
    target, verb = line.fields.get("action.target"), line.fields.get("action.verb", "send")
    if not waited or verb != "send":
        yield f'{ACTION_DONE}: no run waits for that: it goes with a step such as {{ send = "cms", as = "cms" }}'
    elif target and target not in waited:
        yield f'action.target: no step waits for the answer of "{target}"{_instead(target, waited)}'


def _instead(name: str, known: Collection[str]) -> str:
    return did_you_mean(name, known) or f" (there is {', '.join(sorted(known))})"


def _of_fact(line: Line, told: Mapping[str, str], cast: _Cast, providers: Collection[str] | None) -> Iterator[str]:
    provider = told.get("provider")
    if provider and providers is not None and provider not in providers:
        yield f'there is no provider "{provider}" in the configuration{_instead(provider, providers)}'
    if line.word == ACTION_DONE:
        yield from _of_end(line, cast)
    if line.word.startswith(("@", "post.")) or line.word in (ACKNOWLEDGED, ACTION_DONE):
        return
    if not any(word.names(line.word) for word in cast.heard):
        near = get_close_matches(line.word, [word.pattern for word in cast.heard], 1, NEARLY)
        if near:
            yield f'the rule never hears of "{line.word}" (did you mean "{near[0]}"?)'
