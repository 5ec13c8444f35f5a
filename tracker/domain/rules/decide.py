"""The decision: what every rule makes of one change. Pure, so that live, tests and backtests agree."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from tracker.domain.posts.change import Change, Move
from tracker.domain.posts.event import State
from tracker.domain.posts.target import WITHDRAWN
from tracker.domain.rules.decision import (
    OVER,
    Arm,
    Came,
    CameTo,
    Cancel,
    ConditionFalse,
    Decision,
    Declined,
    Disarm,
    Failed,
    Fire,
    NotMatched,
    Refusal,
    Resolve,
    Settle,
    Suppressed,
    Tallied,
    Trace,
)
from tracker.domain.rules.event_pattern import is_action_dead
from tracker.domain.rules.grouping import OWN, Environment, Group, GroupBy, account_told
from tracker.domain.rules.listing import item
from tracker.domain.rules.match_context import MatchContext, Occurrence, to_plain
from tracker.domain.rules.rule import FALSE, TRUE, Expect, On, Rule
from tracker.domain.rules.rule_index import Label, RuleIndex, labels_of
from tracker.domain.rules.shared_waits import shared_waits
from tracker.domain.rules.timers import kind_of, standing, wait_after


class _Whichever:
    """A container of every id: stands for "any rule may be busy"."""

    def __contains__(self, rule: object) -> bool:
        return True


class Busy(Struct, frozen=True):
    """The ids of rules that may have a timer, or an open run, about a post: for others nothing of the kind can end."""

    armed: Container[str]
    running: Container[str]


ANY = Busy(_Whichever(), _Whichever())
SETTLED = frozenset({State.PUBLISHED}) | WITHDRAWN


def decide(rules: RuleIndex, change: Change, busy: Busy = ANY, trace: Trace | None = None) -> list[Decision]:
    """Everything that follows from the change: first what ends, then what begins."""
    scene = MatchContext(change)
    marks = rules.marks if trace else labels_of(change.provider, change.context, _account(change)) & rules.marks
    return [
        *(_endings(rules, scene, marks, busy) if busy.armed or busy.running else ()),
        *(_came(rules, scene, marks) if rules.heard.words else ()),
        *(_tallies(rules, scene, marks) if rules.tallied.words else ()),
        *_firings(_reacting(rules, change, marks), scene, busy.running, trace),
        *_arms(rules, change, marks, trace),
        *(shared_waits(rules, scene, marks, busy.armed, busy.running, trace) if rules.has_shared_waits else ()),
    ]


def _reacting(rules: RuleIndex, change: Change, marks: frozenset[Label]) -> Iterable[Rule]:
    return () if change.source == "action" and _is_echo(rules, change) else rules.on.rules(change, marks)


def _is_echo(rules: RuleIndex, change: Change) -> bool:
    """Whether an action has failed that nobody may react to, as a circle could be the end of it.

    It is one that people asked for, or one of a rule that reacts to such ends itself.
    """
    if not is_action_dead(change):
        return False
    rule = (change.detail or {}).get("rule")
    by = rules.by_id.get(str(rule))
    return rule is None or (by is not None and by.hears_of_actions)


def _account(change: Change) -> dict[str, str] | None:
    return account_told(change) if change.post is None else None


def _endings(rules: RuleIndex, scene: MatchContext, marks: frozenset[Label], busy: Busy) -> Iterator[Decision]:
    change = scene.change
    for rule in rules.met.rules(change, marks):
        if rule.id in busy.armed or rule.id in busy.running:
            yield from _met(rule, scene, resolving=rule.id in busy.running)
    yield from _left(rules, scene, marks, busy)
    if not busy.running:
        return
    for rule in rules.cancel.rules(change, marks):
        for one in scene.occurrences(rule, rule.cancel_on) if rule.id in busy.running else ():
            if not one.superseded:
                yield Cancel(rule, one.subject, f"post.{one.move.after}" if one.move else change.event)
    yield from _settled(rules, scene, marks, busy.running)


def _settled(
    rules: RuleIndex, scene: MatchContext, marks: frozenset[Label], running: Container[str]
) -> Iterator[Decision]:
    if not any(move.after in SETTLED for move in scene.change.moves):
        return
    for rule in rules.retrying.rules(marks):
        for move in scene.moves(rule.per) if rule.id in running else ():
            if move.after in SETTLED and not move.superseded:
                yield Settle(rule, scene.subject(rule.per, move.target), move.after)


def _tallies(rules: RuleIndex, scene: MatchContext, marks: frozenset[Label]) -> Iterator[Tallied]:
    """What has come to light of it late is a part of the whole all the same, but no success of now."""
    for rule in rules.tallied.rules(scene.change, marks):
        for one in scene.occurrences(rule, rule.count.beside if rule.count else ()):
            late = one.superseded and not (rule.count and rule.count.share)
            if not late and not rule.unmatched(one.subject, whatever_state=True):
                yield Tallied(rule, one.subject, one.cause, (one.move or scene.change).occurred_at)


def _came(rules: RuleIndex, scene: MatchContext, marks: frozenset[Label]) -> Iterator[Came]:
    return (came for rule in rules.heard.rules(scene.change, marks) for came in _heard(rule, scene))


def _heard(rule: Rule, scene: MatchContext) -> Iterator[Came]:
    """What one of the rule's steps may be waiting for, for each subject to which it has happened."""
    found: dict[str, tuple[Group, list[str]]] = {}
    for word in rule.waits_for:
        for one in scene.occurrences(rule, (word,)):
            found.setdefault(one.subject.key, (one.subject, []))[1].append(str(word))
    for subject, words in found.values():
        yield Came(rule, subject, tuple(words))


def words_heard(rule: Rule, key: str, changes: Iterable[Change]) -> tuple[str, ...]:
    """The rule's awaited words, as texts, that had happened by these changes to the subject of that key."""
    heard = [came for change in changes for came in _heard(rule, MatchContext(change)) if came.subject.key == key]
    return tuple(dict.fromkeys(word for came in heard for word in came.words))


def _met(rule: Rule, scene: MatchContext, *, resolving: bool) -> Iterator[Decision]:
    """What was expected has come, or there is nothing left to expect."""
    expected = rule.trigger
    if not isinstance(expected, Expect):
        return
    found = [
        (scene.subject(rule.per, move.target), move.occurred_at)
        for move in scene.moves(rule.per)
        if move.after in expected.over and not move.superseded
    ]
    named = (one.subject for one in scene.occurrences(rule, expected.words) if not one.move)
    for subject, occurred_at in found or [(subject, scene.change.occurred_at) for subject in named]:
        yield Disarm(rule, subject, "expect")
        if resolving:
            yield Resolve(rule, subject, occurred_at)


def _left(rules: RuleIndex, scene: MatchContext, marks: frozenset[Label], busy: Busy) -> Iterator[Decision]:
    """A state that rules were watching has been left for one that they do not watch; and what that was is over."""
    moved = scene.change.moves
    for rule in rules.watching({move.before for move in moved}, marks):
        if isinstance(rule.trigger, On) or not (rule.id in busy.armed or rule.id in busy.running):
            continue
        for move in scene.moves(rule.per):
            if move.superseded or move.before not in rule.watched or move.after in rule.watched:
                continue
            subject = scene.subject(rule.per, move.target)
            yield Disarm(rule, subject, kind_of(rule))
            if move.after not in rule.well:
                yield Resolve(rule, subject, move.occurred_at, well=False)
    for rule in rules.ended_by({move.after for move in moved}, marks) if busy.running else ():
        for move in scene.moves(rule.per) if rule.id in busy.running and rule.resolves else ():
            if move.after in rule.well and not move.superseded and _may_have_told(rule, move, scene):
                yield Resolve(rule, scene.subject(rule.per, move.target), move.occurred_at)


def _may_have_told(rule: Rule, move: Move, scene: MatchContext) -> bool:
    """Whether the subject can have been in a state that the rule watches, and not have been well since."""
    if move.again or (move.before is None and rule.per in OWN):
        return False
    view = scene.change.context
    if move.before in rule.watched or view is None or rule.per is not GroupBy.POST:
        return True
    return not rule.watches_failures or view.failed_at is not None


def _firings(
    rules: Iterable[Rule], scene: MatchContext, running: Container[str], trace: Trace | None
) -> Iterator[Decision]:
    for rule in rules:
        for one in scene.reasons_to_fire(rule):
            came_to = _judge(rule, one, scene)
            if trace and came_to:
                trace.occurred(rule, one, came_to)
            if isinstance(came_to, ConditionFalse) and rule.retries and rule.id in running:
                yield Declined(rule, one.subject, one.cause, to_plain(came_to.values))
            elif came_to and not isinstance(came_to, Refusal):
                yield came_to


def _judge(rule: Rule, one: Occurrence, scene: MatchContext) -> CameTo | None:
    if rule.match and (unmatched := rule.unmatched(one.subject)):
        return NotMatched(unmatched)
    if one.superseded:
        move = one.move if isinstance(rule.trigger, On) else None
        return Suppressed(rule, one.subject, one.cause, "superseded", move.occurred_at) if move else None
    values, occurred_at = scene.values(one), scene.change.occurred_at
    if isinstance(rule.trigger, Expect):
        timer = wait_after(rule, one.subject, occurred_at, one.cause, values)
        return Arm(rule, timer) if timer else OVER
    verdict = rule.when(values) if rule.when else TRUE
    if verdict is FALSE or verdict.kind == FALSE.kind:
        return ConditionFalse(values)
    if verdict.kind == "true":
        anew = one.move is not None and not one.move.again
        told = {**to_plain(values), **_first_of(one, values, occurred_at)} if rule.debounce else to_plain(values)
        return Fire(rule, one.subject, one.cause, told, occurred_at, anew=anew)
    return Failed(rule, one.subject, one.cause, verdict.detail, to_plain(values), occurred_at)


def _first_of(one: Occurrence, values: Environment, at: datetime) -> dict[str, object]:
    """What a run knows of the first of all that it gathers."""
    event = f"post.{one.move.after}" if one.move else str(values["event.name"])
    return {"run.since": at.isoformat(), "run.items": [item(event, at, one.subject, values)]}


def _arms(rules: RuleIndex, change: Change, marks: frozenset[Label], trace: Trace | None) -> Iterator[Decision]:
    """What the post now calls for. A reschedule moves nothing, so expectations are worked out anew at each fact."""
    if change.context is None or not rules.waiting:
        return
    moved = bool(change.moves) or change.kind == "revised"
    for arm in standing(rules, change.context, marks, trace):
        if moved or arm.timer.kind == "expect":
            yield arm
