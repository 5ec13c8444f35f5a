"""The decision: what every rule makes of one change. Pure, so that live, tests and backtests agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracker.domain.change import Change, Move
from tracker.domain.decision import (
    Arm,
    Came,
    Cancel,
    Decision,
    Declined,
    Disarm,
    Failed,
    Fire,
    Resolve,
    Settle,
    Suppressed,
)
from tracker.domain.dispatch import Mark, RuleIndex, marks_of
from tracker.domain.event import State
from tracker.domain.lifecycle import WITHDRAWN
from tracker.domain.rule import Rule
from tracker.domain.subject import Environment, Subject, environment, moves_for, subject_of, subjects_of, to_plain
from tracker.domain.timing import kind_of, standing, wait_after
from tracker.domain.trigger import Expect, On
from tracker.domain.words import Word, happened

SETTLED = frozenset({State.PUBLISHED}) | WITHDRAWN


def decide(rules: RuleIndex, change: Change) -> list[Decision]:
    """Everything that follows from the change: first what ends, then what begins."""
    marks = marks_of(change.provider, change.context)
    return [*_endings(rules, change, marks), *_firings(rules, change, marks), *_arms(rules, change)]


def _endings(rules: RuleIndex, change: Change, marks: frozenset[Mark]) -> Iterator[Decision]:
    for rule in rules.met.rules(change, marks):
        yield from _met(rule, change)
    yield from _left(rules, change, marks)
    for rule in rules.cancel.rules(change, marks):
        for subject, move, _ in _occasions(rule, rule.cancel_on, change):
            yield Cancel(rule, subject, f"post.{move.after}" if move else change.event)
    yield from _settled(rules, change, marks)
    for rule in rules.heard.rules(change, marks):
        yield from _heard(rule, change)


def _settled(rules: RuleIndex, change: Change, marks: frozenset[Mark]) -> Iterator[Decision]:
    if not any(move.after in SETTLED for move in change.moves):
        return
    for rule in rules.retrying.rules(marks):
        for move in moves_for(rule.per, change):
            if move.after in SETTLED and not move.superseded:
                yield Settle(rule, _subject(rule, change, move), move.after)


def _heard(rule: Rule, change: Change) -> Iterator[Decision]:
    """What one of the rule's steps may be waiting for, for each subject to which it has happened."""
    found: dict[str, tuple[Subject, list[str]]] = {}
    for word in rule.waits_for:
        for subject, _, _ in _occasions(rule, (word,), change, late=True):
            found.setdefault(subject.key, (subject, []))[1].append(str(word))
    for subject, words in found.values():
        yield Came(rule, subject, tuple(words))


def words_heard(rule: Rule, key: str, changes: Iterable[Change]) -> tuple[str, ...]:
    """Those of the rule's awaited words that had happened to what has that key."""
    heard = [decision for change in changes for decision in _heard(rule, change)]
    words = [word for one in heard if isinstance(one, Came) and one.subject.key == key for word in one.words]
    return tuple(dict.fromkeys(words))


def _met(rule: Rule, change: Change) -> Iterator[Decision]:
    """What was expected has come, or there is nothing left to expect."""
    expected = rule.trigger
    if not isinstance(expected, Expect):
        return
    found = [
        (_subject(rule, change, move), move.occurred_at)
        for move in moves_for(rule.per, change)
        if move.after in expected.over and not move.superseded
    ]
    named = (subject for subject, move, _ in _occasions(rule, expected.words, change) if not move)
    for subject, occurred_at in found or [(subject, change.occurred_at) for subject in named]:
        yield Disarm(rule, subject, "expect")
        yield Resolve(rule, subject, occurred_at)


def _left(rules: RuleIndex, change: Change, marks: frozenset[Mark]) -> Iterator[Decision]:
    """A state that rules were watching has been left for one that they do not watch."""
    shelves = [rules.holding.get(before) for before in {move.before for move in change.moves if move.before}]
    watching = {rule.id: rule for shelf in shelves if shelf for rule in shelf.rules(marks)}
    for _, rule in sorted(watching.items()):
        for move in moves_for(rule.per, change):
            if move.superseded or move.before not in rule.watched or move.after in rule.watched:
                continue
            subject = _subject(rule, change, move)
            if not isinstance(rule.trigger, On):
                yield Disarm(rule, subject, kind_of(rule))
            if rule.resolves:
                yield Resolve(rule, subject, move.occurred_at)


def _firings(rules: RuleIndex, change: Change, marks: frozenset[Mark]) -> Iterator[Decision]:
    seen: dict[tuple[int, str | None], Environment] = {}
    for rule in rules.on.rules(change, marks):
        words = rule.trigger.words if isinstance(rule.trigger, On) else getattr(rule.trigger, "on", ())
        for subject, move, cause in _occasions(rule, words, change, late=True):
            if not rule.admits(subject):
                continue
            if move and move.superseded:
                if isinstance(rule.trigger, On):
                    yield Suppressed(rule, subject, cause, "superseded", move.occurred_at)
                continue
            values = seen.get((id(move), subject.target))
            if values is None:
                values = seen[id(move), subject.target] = environment(change, move, subject)
            yield from _judge(rule, subject, cause, values, change)


def _judge(rule: Rule, subject: Subject, cause: str, values: Environment, change: Change) -> Iterator[Decision]:
    if isinstance(rule.trigger, Expect):
        timer = wait_after(rule, subject, change.occurred_at, cause, values)
        if timer:
            yield Arm(rule, timer)
        return
    verdict = rule.judge(values)
    context = to_plain(values) if verdict.kind != "false" or rule.retries else {}
    if verdict.kind == "true":
        yield Fire(rule, subject, cause, context, change.occurred_at)
    elif verdict.kind == "error":
        yield Failed(rule, subject, cause, verdict.detail, context, change.occurred_at)
    elif rule.retries:
        yield Declined(rule, subject, cause, context)


def _arms(rules: RuleIndex, change: Change) -> Iterator[Decision]:
    """What the post now calls for. A reschedule moves nothing, so expectations are worked out anew at each fact."""
    if change.context is None:
        return
    moved = bool(change.moves) or change.kind == "revised"
    for arm in standing(rules, change.context):
        if moved or arm.timer.kind == "expect":
            yield arm


def _occasions(
    rule: Rule, words: tuple[Word, ...], change: Change, late: bool = False
) -> Iterator[tuple[Subject, Move | None, str]]:
    """Each subject to which one of `words` has happened, with the cause that names it; `late`: in hindsight too."""
    for move in happened(words, change, moves_for(rule.per, change)):
        if move is None:
            for subject in subjects_of(rule.per, change):
                yield subject, None, f"{change.fact}:{change.event}"
        elif late or not move.superseded:
            yield _subject(rule, change, move), move, move.cause


def _subject(rule: Rule, change: Change, move: Move) -> Subject:
    return subject_of(rule.per, change.provider, change.post, change.context, move.target)
