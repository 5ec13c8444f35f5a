"""Rules that the clock sets going, with what they have gathered since they last ran, or list as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from tracker.domain.posts.change import Change, PostView
from tracker.domain.rules.decision import (
    Arm,
    ConditionFalse,
    Failed,
    Fire,
    NotMatched,
    Refusal,
    Suppressed,
    Timer,
    Trace,
)
from tracker.domain.rules.event_pattern import happened
from tracker.domain.rules.grouping import DEFAULTS, Environment, Group, environment, group_of, moves_for
from tracker.domain.rules.listing import item, listed
from tracker.domain.rules.match_context import Occurrence, to_plain
from tracker.domain.rules.rule import TRUE, Every, Rule
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.sentences import sentence

KIND = "every"
MOST_ITEMS = 200
Seen = Iterable[Change] | Iterable[PostView]
"""What came in since the last time, or how posts stand, as the rule asks."""


def first_occasions(index: RuleIndex, now: datetime) -> Iterator[Arm]:
    """The first timer (in an Arm) of every rule that the clock sets going."""
    for rule in index.periodic:
        yield Arm(rule, timer_after(rule, now, since=now))


def timer_after(rule: Rule, moment: datetime, since: datetime) -> Timer:
    """The next occasion after the moment; it gathers what has happened `since`."""
    trigger = rule.trigger
    if not isinstance(trigger, Every):
        raise TypeError(f"{rule.id} does not go by the clock")
    due_at = trigger.schedule.after(moment)
    if due_at is None:
        raise ValueError(f"{rule.id}: {trigger.schedule} never comes again")
    cause = f"{KIND}:{due_at.isoformat()}"
    return Timer(rule.id, rule.id, KIND, due_at, rule.revision, cause, "", None, None, {"since": since.isoformat()})


def since_of(timer: Timer) -> datetime:
    """From when on a timer gathers."""
    return datetime.fromisoformat(str(timer.data["since"]))


def occasion(rule: Rule, timer: Timer, seen: Seen, now: datetime) -> list[Fire | Failed | Suppressed | Arm]:
    """What a rule's time means once it has come, with the next one; those missed while nobody looked are one."""
    trigger = rule.trigger
    if not isinstance(trigger, Every) or timer.meaning != rule.revision:
        return [Arm(rule, timer_after(rule, now, since=now))] if isinstance(trigger, Every) else []
    following = Arm(rule, timer_after(rule, max(now, timer.due_at), since=timer.due_at))
    return [_come(rule, trigger, timer, seen), following]


def _come(rule: Rule, trigger: Every, timer: Timer, seen: Seen) -> Fire | Failed | Suppressed:
    subject, at = Group(timer.key, "", None), timer.due_at
    items, found = _found(rule, trigger, seen, at)
    if trigger.gathers and trigger.skip_empty and not found:
        nothing = sentence("nothing_happened" if trigger.over else "nothing_stands")
        return Suppressed(rule, subject, timer.cause, nothing, at)
    values = Environment(DEFAULTS)
    values["event.source"], values["event.occurred_at"] = "clock", at
    values["run.count"], values["run.since"], values["run.items"] = found, since_of(timer), items
    context = {**to_plain(values), "run.count": found}
    verdict = trigger.enough(values) if trigger.enough else TRUE
    if verdict.kind == "error":
        return Failed(rule, subject, timer.cause, verdict.detail, context, at)
    if verdict.kind != "true":
        return Suppressed(rule, subject, timer.cause, sentence("not_enough", count=found), at)
    return Fire(rule, subject, timer.cause, context, at)


def _found(rule: Rule, trigger: Every, seen: Seen, at: datetime) -> tuple[list[dict[str, object]], int]:
    """The items that are told, and how many there are: the newest, or of what is due the next."""
    if trigger.standing is None:
        return gathered(rule, trigger, (one for one in seen if isinstance(one, Change)))
    items = listed(rule, trigger.standing, (one for one in seen if isinstance(one, PostView)), at)
    return items[:MOST_ITEMS] if trigger.standing.due else items[-MOST_ITEMS:], len(items)


def is_gathered(rule: Rule, change: Change) -> bool:
    """Whether the change is something that the rule gathers, if its condition agrees."""
    trigger = rule.trigger
    return isinstance(trigger, Every) and bool(happened(trigger.over, change, moves_for(rule.per, change)))


def gathered(
    rule: Rule, trigger: Every, changes: Iterable[Change], trace: Trace | None = None
) -> tuple[list[dict[str, object]], int]:
    """The newest of what happened, each as plain JSON, and how much it was in all."""
    items = [item for change in changes for item in _items(rule, trigger, change, trace)]
    return items[-MOST_ITEMS:], len(items)


def _items(rule: Rule, trigger: Every, change: Change, trace: Trace | None) -> Iterator[dict[str, object]]:
    for move in happened(trigger.over, change, moves_for(rule.per, change)):
        target = move.target if move else None
        subject = group_of(rule.per, change.provider, change.post, change.context, target)
        values = environment(change, move, subject)
        refusal: Refusal | None = None
        if unmatched := rule.unmatched(subject):
            refusal = NotMatched(unmatched)
        elif rule.judge(values).kind != "true":
            refusal = ConditionFalse(values)
        if trace:
            cause = move.cause if move else f"{change.fact}:{change.event}"
            trace.occurred(rule, Occurrence(subject, move, cause, superseded=False, values=values), refusal)
        if not refusal:
            yield item(f"post.{move.after}" if move else change.event, change.occurred_at, subject, values)
