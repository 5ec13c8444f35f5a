"""Tests that could never fail, or never pass, because a name in them is none: of a channel, a provider, an event."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

from tracker.domain.rules.choice import addressees
from tracker.domain.rules.event_pattern import EventName
from tracker.domain.rules.rule import Every, Expect, Rule
from tracker.domain.rules.step import AlertStep, PauseStep, ResumeStep, SendStep
from tracker.errors import Misconfigured, did_you_mean
from tracker.rulebook.timeline import Line, RuleTest

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
            for wrong in _wrong(line, test, rule, providers):
                yield Misconfigured(wrong, file=test.file, key="test.timeline", line=number, column=line.column)


def _wrong(line: Line, test: RuleTest, rule: Rule, providers: Collection[str] | None) -> Iterator[str]:
    if line.mark == ">":
        return _of_fact(line, {**test.given, **line.fields}, rule, providers)
    return _of_demand(line, rule)


def _of_demand(line: Line, rule: Rule) -> Iterator[str]:
    to = line.fields.get("to")
    named = _named(rule).get(line.word)
    if to and named is not None and to not in named:
        there_are = f"it names {', '.join(sorted(named))}" if named else "no step of it does that"
        yield f'the rule has no step {line.word} = "{to}"{did_you_mean(to, named) or f" ({there_are})"}'
    sends = [
        step for step in rule.all_steps if isinstance(step, SendStep) and (not to or to in addressees(step.endpoint))
    ]
    if line.word == "send" and "body" in line.fields and sends and not any(step.body for step in sends):
        yield 'body: no such send of the rule has a text: give it one with "body" or "template"'


def _named(rule: Rule) -> Mapping[str, Collection[str]]:
    steps = rule.all_steps
    return {
        "alert": {to for step in steps if isinstance(step, AlertStep) for to in addressees(step.channel)},
        "send": {to for step in steps if isinstance(step, SendStep) for to in addressees(step.endpoint)},
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
