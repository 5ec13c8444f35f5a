"""Triggers and steps in a few words, for people who look at a rule, a run or what a post waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import assert_never

from tracker.domain.duration import format_duration
from tracker.domain.rules.rule import Every, Expect, On, Standing, Trigger, While
from tracker.domain.rules.step import (
    AlertStep,
    ChangeStep,
    CreateStep,
    PauseStep,
    ProviderStep,
    ReconcileStep,
    ResumeStep,
    RetryStep,
    SendStep,
    SetStep,
    Step,
    WaitStep,
    WhenStep,
)

_VERBS: Mapping[type[Step], str] = {
    AlertStep: "alert",
    SendStep: "send",
    RetryStep: "retry",
    ReconcileStep: "reconcile",
    CreateStep: "create",
    WaitStep: "wait",
    PauseStep: "pause",
    ResumeStep: "resume",
    SetStep: "set",
    WhenStep: "when",
}


def trigger_in_words(trigger: Trigger) -> str:
    """What sets a rule going."""
    match trigger:
        case On(words):
            return either(words)
        case While(states, lasting, accounts=accounts):
            whose = "account " if accounts else ""
            return f"{whose}{either(sorted(accounts or states))} for {format_duration(lasting)}"
        case Expect(states=states) if states:
            return f"still {either(sorted(states))} {format_duration(-trigger.within)} before post.{trigger.of}"
        case Expect():
            since = f"post.{trigger.of}" if trigger.of else either(trigger.on) or "the last"
            return f"no {either(trigger.words)} within {format_duration(trigger.within)} of {since}"
        case Every(schedule, standing=standing):
            return f"every {schedule}{f' over what is {standing_in_words(standing)}' if standing else ''}"
        case _:
            assert_never(trigger)


def standing_in_words(standing: Standing) -> str:
    """How a post must stand to be listed."""
    older = f" for {format_duration(standing.older)}" if standing.older else ""
    due = f", and due within {format_duration(standing.due)}" if standing.due else ""
    return f"{either(sorted(standing.states))}{older}{due}"


def verb_of(step: Step) -> str:
    """The word under which a rule declares the step."""
    return step.verb if isinstance(step, ChangeStep) else _VERBS[type(step)]


def step_in_words(step: Step) -> str:
    """What a step does."""
    match step:
        case AlertStep(channel):
            return f"alert {channel}"
        case SendStep(endpoint, noun=noun, at_most=at_most, otherwise=otherwise):
            waits = f", and wait for the answer{f' as {noun}' if noun else ''}" if step.waits else ""
            limit = f", at most {format_duration(at_most)}" if at_most else ""
            return f"send to {endpoint}{waits}{limit}{f', else {otherwise}' if otherwise else ''}"
        case RetryStep(what, tries):
            return f"retry {what}, at most {tries} {'times' if tries > 1 else 'time'}"
        case ReconcileStep() | ChangeStep() | CreateStep():
            return _at_the_provider(step)
        case WaitStep((), timedelta() as pause):
            return f"wait {format_duration(pause)}"
        case WaitStep(words, at_most, otherwise):
            limit = f", at most {format_duration(at_most)}" if at_most else ""
            return f"wait for {either(words)}{limit}{f', else {otherwise}' if otherwise else ''}"
        case PauseStep(rule, lasting):
            return f"pause {rule} for {format_duration(lasting)}"
        case ResumeStep(rule):
            return f"resume {rule}"
        case SetStep(labels):
            return f"label the post with {', '.join(sorted(labels))}"
        case WhenStep(condition, guarded, otherwise):
            following = "step" if guarded == 1 else f"{guarded} steps"
            return f"the next {following} only if {condition}{f', else {otherwise}' if otherwise else ''}"
        case _:
            assert_never(step)


def _at_the_provider(step: ProviderStep) -> str:
    match step:
        case ReconcileStep():
            return "ask the provider how the post stands"
        case ChangeStep(verb, by):
            way = f", {format_duration(abs(by))} {'earlier' if by < timedelta(0) else 'later'}" if by else ""
            return f"{verb} the post at the provider{way}"
        case CreateStep(platforms):
            return f"create the post on {', '.join(platforms)}"


def either(words: Iterable[object]) -> str:
    """The words with or between them."""
    return " or ".join(map(str, words))
