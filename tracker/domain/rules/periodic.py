"""Rules that the clock sets going, and what they have gathered since they last ran."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from tracker.domain.posts.change import Change
from tracker.domain.rules.decision import Arm, ConditionFalse, Fire, NotMatched, Refusal, Suppressed, Timer, Trace
from tracker.domain.rules.event_pattern import happened
from tracker.domain.rules.grouping import DEFAULTS, Environment, Group, environment, group_of, moves_for
from tracker.domain.rules.match_context import Occurrence, to_plain
from tracker.domain.rules.rule import Every, Rule
from tracker.domain.rules.rule_index import RuleIndex

KIND = "every"
MOST_ITEMS = 200
TOLD = ("post.id", "post.provider", "error.code", "error.message")


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


def occasion(rule: Rule, timer: Timer, changes: Iterable[Change], now: datetime) -> list[Fire | Suppressed | Arm]:
    """What a rule's time means once it has come, with the next one; those missed while nobody looked are one."""
    trigger = rule.trigger
    if not isinstance(trigger, Every) or timer.meaning != rule.revision:
        return [Arm(rule, timer_after(rule, now, since=now))] if isinstance(trigger, Every) else []
    subject = Group(timer.key, "", None)
    items, found = gathered(rule, trigger, changes)
    following = Arm(rule, timer_after(rule, max(now, timer.due_at), since=timer.due_at))
    if trigger.over and trigger.skip_empty and not found:
        nothing = "nothing has happened since the last time"
        return [Suppressed(rule, subject, timer.cause, nothing, timer.due_at), following]
    values = Environment(DEFAULTS)
    values["event.source"], values["event.occurred_at"] = "clock", timer.due_at
    values["run.count"], values["run.since"], values["run.items"] = found, since_of(timer), items
    context = {**to_plain(values), "run.count": found}
    return [Fire(rule, subject, timer.cause, context, timer.due_at), following]


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
            yield {
                "event": f"post.{move.after}" if move else change.event,
                "at": change.occurred_at.isoformat(),
                **{name.replace(".", "_"): values[name] for name in TOLD},
                "platforms": list(subject.platforms),
                "accounts": list(subject.accounts),
                "url": values["target.url"] or next(iter(change.context.urls if change.context else ()), ""),
            }
