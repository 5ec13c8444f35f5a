"""Rules about time, explained: what each wait of a post came to, or until when it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tracker.domain.duration import format_duration
from tracker.domain.posts.change import Change, PostView
from tracker.domain.posts.lifecycle import WITHDRAWN
from tracker.domain.rules.decision import Failed, Fire, Timer
from tracker.domain.rules.event_pattern import Named
from tracker.domain.rules.match_context import Occurrence, Scene
from tracker.domain.rules.rule import Rule
from tracker.domain.rules.subject import Subject, subject_of
from tracker.domain.rules.timers import due, subjects, values_when_due, wait_after, wait_for
from tracker.domain.rules.trigger import Expect, While
from tracker.rulebook import answers
from tracker.rulebook.answers import WAITING, Clause, Explanation

Decided = Callable[[str, str, str, datetime], Explanation]
"""Tells what is on record of a firing: its key, its cause, what it is called, and when it had to be."""

DUE = "its time came"


@dataclass(frozen=True, slots=True)
class Wait:
    """A timer that is under way, and how the post stood when it was last looked at."""

    timer: Timer
    subject: Subject
    view: PostView | None


@dataclass
class Waits:
    """The waits of one rule about one post, which follow from its changes, the first one first."""

    rule: Rule
    decided: Decided
    _open: dict[str, Wait] = field(default_factory=dict)
    _over: set[tuple[str, str]] = field(default_factory=set)

    def explained(self, changes: Sequence[Change], view: PostView | None, now: datetime) -> Iterator[Explanation]:
        """What each came to; `view` is the post as it stands `now`."""
        trigger = self.rule.trigger
        by_event = isinstance(trigger, Expect) and not trigger.of
        for change in changes:
            yield from self._came_by(change.received_at)
            yield from self._begun_and_met(Scene(change)) if by_event else self._stands(change)
        if view and not by_event:
            yield from self._came_by(now)
            self._look(view)
        yield from self._came_by(now)
        yield from (self._goes_on(wait) for wait in self._open.values())

    def _came_by(self, moment: datetime) -> Iterator[Explanation]:
        """Those whose time has come by then: nothing has ended them before."""
        for key, wait in list(self._open.items()):
            if wait.timer.due_at <= moment:
                del self._open[key]
                self._over.add((key, wait.timer.cause))
                yield self._came(wait)

    def _stands(self, change: Change) -> Iterator[Explanation]:
        """What follows from how the post stands now: the end of some waits, and the beginning of others."""
        if change.context is None:
            return
        before = dict(self._open)
        self._look(change.context)
        for key, wait in before.items():
            fresh = self._open.get(key)
            anew = fresh is not None and fresh.timer.cause != wait.timer.cause
            if fresh is None or (anew and isinstance(self.rule.trigger, While)):
                yield self._ended(wait, self._subject(wait, change.context), change)

    def _look(self, view: PostView) -> None:
        for subject in subjects(self.rule, view):
            timer = wait_for(self.rule, subject, view)
            self._open.pop(subject.key, None)
            if timer and (subject.key, timer.cause) not in self._over:
                self._open[subject.key] = Wait(timer, subject, view)

    def _begun_and_met(self, scene: Scene) -> Iterator[Explanation]:
        """An event begins a wait, and what is expected ends it."""
        change = scene.change
        for subject in self._met(scene):
            if wait := self._open.pop(subject.key, None):
                yield self._ended(wait, subject, change)
        for key, wait in self._open.items():
            self._open[key] = Wait(wait.timer, wait.subject, change.context or wait.view)
        for one in scene.reasons_to_fire(self.rule):
            unmet = answers.unmet_match(self.rule, one.subject)
            if unmet:
                yield answers.false(unmet, one.subject.key, change.received_at, answers.event_of(change, one))
            elif timer := self._begun(scene, one):
                self._open[one.subject.key] = Wait(timer, one.subject, change.context)

    def _begun(self, scene: Scene, one: Occurrence) -> Timer | None:
        if one.superseded:
            return None
        return wait_after(self.rule, one.subject, scene.change.occurred_at, one.cause, scene.values(one))

    def _met(self, scene: Scene) -> list[Subject]:
        """Whom a change has brought what was expected of them, or left with nothing to expect."""
        rule, trigger = self.rule, self.rule.trigger
        if not isinstance(trigger, Expect):
            return []
        moved = [move for move in scene.moves(rule.per) if move.after in trigger.over and not move.superseded]
        named = [word for word in trigger.words if isinstance(word, Named)]
        found = [scene.subject(rule.per, move.target) for move in moved]
        return found or [one.subject for one in scene.occurrences(rule, named) if not one.move]

    def _came(self, wait: Wait) -> Explanation:
        rule, timer, at = self.rule, wait.timer, wait.timer.due_at
        if isinstance(due(rule, timer, wait.view, at), Fire | Failed):
            return self.decided(timer.key, timer.cause, DUE, at)
        subject = self._subject(wait, wait.view)
        values = values_when_due(rule, timer, wait.view, at)
        unmet = answers.unmet_match(rule, subject)
        if unmet is None and rule.judge(values).kind == "false":
            unmet = answers.unmet_when(rule, values)
        return answers.false(unmet or nothing_left(rule, subject), timer.key, at, DUE)

    def _ended(self, wait: Wait, subject: Subject, change: Change) -> Explanation:
        rule, was = self.rule, wait.subject.state
        lasted = max(change.occurred_at - wait.timer.due_at + _span(rule), timedelta(0))
        if isinstance(rule.trigger, While):
            said = f"{was} was left for {subject.state} after {format_duration(lasted)}"
            clause = Clause("for", format_duration(_span(rule)), said, {"post.state": str(subject.state)})
            return answers.false(clause, subject.key, change.received_at, f"{was} -> {subject.state}")
        clause = nothing_left(rule, subject, lasted)
        return answers.false(clause, subject.key, change.received_at, answers.happened([change]))

    def _goes_on(self, wait: Wait) -> Explanation:
        timer = wait.timer
        what = f"{wait.subject.state} lasts" if isinstance(self.rule.trigger, While) else "nothing of it has come"
        text = f"fires at {answers.moment(timer.due_at)} if {what} until then"
        began = timer.due_at - _span(self.rule)
        return Explanation(WAITING, text, began, "", timer.key, None, None, timer.due_at)

    def _subject(self, wait: Wait, view: PostView | None) -> Subject:
        timer = wait.timer
        return subject_of(self.rule.per, timer.provider, timer.post, view, timer.target)


def never_waited(rule: Rule, changes: Sequence[Change], view: PostView | None) -> Explanation:
    """Why there was nothing to wait for."""
    at = changes[-1].received_at if changes else None
    subject = subject_of(rule.per, view.provider if view else "", view.id if view else None, view, None)
    unmet = answers.unmet_match(rule, subject, state=False)
    trigger = rule.trigger
    if unmet is None and isinstance(trigger, Expect) and trigger.of and getattr(view, trigger.of, None) is None:
        unmet = Clause("of", f"post.{trigger.of}", "no such time is known")
    if unmet is None and isinstance(trigger, While):
        unmet = Clause("while", _states(trigger), f"what happened is {answers.happened(changes)}")
    return answers.false(unmet or nothing_left(rule, subject), subject.key, at)


def nothing_left(rule: Rule, subject: Subject, after: timedelta | None = None) -> Clause:
    """What is watched for is over, or has come (so long `after` the wait began)."""
    trigger = rule.trigger
    if isinstance(trigger, While):
        return Clause("while", _states(trigger), f"it is {subject.state}")
    if not isinstance(trigger, Expect):
        raise TypeError(f"{rule.id} does not wait")
    wanted = f"no {' or '.join(map(str, trigger.words))} within {format_duration(trigger.within)}"
    if subject.state in WITHDRAWN:
        return Clause("expect", wanted, f"the post was {subject.state}, and nothing is left to expect")
    soon = f" {format_duration(after)} after" if after else ""
    return Clause("expect", wanted, f"it came{soon}: the state is {subject.state}")


def _states(trigger: While) -> str:
    return " or ".join(sorted(trigger.states))


def _span(rule: Rule) -> timedelta:
    trigger = rule.trigger
    return trigger.lasting if isinstance(trigger, While) else getattr(trigger, "within", timedelta(0))
