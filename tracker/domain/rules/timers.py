"""Rules about time: what a post's standing makes them wait for, what a due timer means, and the next of all moments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tracker.domain.posts.change import PostView
from tracker.domain.posts.event import State
from tracker.domain.posts.target import WITHDRAWN
from tracker.domain.rules.decision import (
    OVER,
    SILENCE,
    Arm,
    CameTo,
    ConditionFalse,
    Decision,
    Disarm,
    Failed,
    Fire,
    NotMatched,
    NoWait,
    Refusal,
    Timer,
    Trace,
)
from tracker.domain.rules.event_pattern import EventName
from tracker.domain.rules.grouping import OWN, Environment, Group, GroupBy, Per, describe, group_of
from tracker.domain.rules.match_context import from_plain, to_plain
from tracker.domain.rules.rule import Every, Expect, On, Rule, While
from tracker.domain.rules.rule_index import Label, RuleIndex, labels_of
from tracker.domain.rules.shared_waits import known_of, subject_of

MINUTE = timedelta(minutes=1)
_KINDS = {kind: kind.__name__.lower() for kind in (On, While, Expect, Every)}


def kind_of(rule: Rule) -> str:
    """The kind of the rule's timers: `while`, `expect` or SILENCE."""
    return SILENCE if rule.is_silence else _KINDS[type(rule.trigger)]


def standing(
    index: RuleIndex, view: PostView, marks: frozenset[Label] | None = None, trace: Trace | None = None
) -> Iterator[Arm]:
    """Every timer that a post calls for as it stands: after a change, or when a rule is new to it."""
    marks = labels_of(view.provider, view) & index.marks if marks is None else marks
    found: dict[Per, list[Group]] = {}
    for rule in index if trace else index.waits_in([view.state, *(target.state for target in view.targets)], marks):
        if rule.per not in found:
            found[rule.per] = _subjects(rule, view)
        for subject in found[rule.per]:
            timer = wait_for(rule, subject, view, index.there_since.get(rule.id))
            if isinstance(timer, Timer):
                yield Arm(rule, timer)
            elif trace:
                trace.stands(rule, subject, timer)


def states_awaited(rules: Iterable[Rule]) -> frozenset[State]:
    """The states of the posts that may make one of these rules wait as they stand."""
    return frozenset[State]().union(*map(_awaited, rules)) - WITHDRAWN


def _awaited(rule: Rule) -> frozenset[State]:
    trigger, states = rule.trigger, frozenset[State]()
    if isinstance(trigger, While):
        states = trigger.states
    elif isinstance(trigger, Expect) and trigger.of:
        states = frozenset(State) - trigger.over
    return frozenset(State) if states and rule.per is GroupBy.TARGET else states


def _subjects(rule: Rule, view: PostView) -> list[Group]:
    """The post, or each of its targets, as the rule counts."""
    keys: list[str | None] = [target.key for target in view.targets] if rule.per is GroupBy.TARGET else []
    return [group_of(rule.per, view.provider, view.id, view, key) for key in keys or [None]]


def wait_for(rule: Rule, subject: Group, view: PostView, there_since: datetime | None = None) -> Timer | Refusal:
    """The timer that the subject calls for as it stands; its cause is the same however often it is worked out.

    A state that was entered before the rule was there is waited for from then on.
    """
    trigger = rule.trigger
    if unmatched := rule.unmatched(subject, whatever_state=True):
        return NotMatched(unmatched)
    if isinstance(trigger, While) and subject.state in trigger.states:
        since = _entered_at(subject, view)
        if since is None:
            return OVER
        timer = _timer(rule, subject, since, trigger.lasting, f"{subject.state}")
        late = None if trigger.since_entered or there_since is None else there_since + trigger.lasting
        return replace(timer, due_at=late) if late and late > timer.due_at else timer
    if isinstance(trigger, Expect) and trigger.of:
        start: datetime | None = getattr(view, trigger.of)
        if start is None:
            return NoWait(trigger.of)
        if subject.state not in trigger.over:
            timer = _timer(rule, subject, start, trigger.within, trigger.of)
            return _not_too_late(timer, start, _entered_at(subject, view), there_since) if trigger.states else timer
    return OVER


def _not_too_late(timer: Timer, start: datetime, *since: datetime | None) -> Timer | Refusal:
    """A timer ahead of a time: it comes at once where less than that is left, and not at all where nothing is."""
    latest = max((moment for moment in since if moment), default=timer.due_at)
    return OVER if latest >= start else replace(timer, due_at=max(timer.due_at, latest))


def _entered_at(subject: Group, view: PostView) -> datetime | None:
    return next((target.entered_at for target in view.targets if target.key == subject.target), view.entered_at)


def wait_after(rule: Rule, subject: Group, start: datetime, cause: str, values: Environment) -> Timer | None:
    """The timer of an expectation that an event starts; it keeps what was known then for the texts."""
    trigger = rule.trigger
    if not isinstance(trigger, Expect) or subject.state in trigger.over:
        return None
    timer = _timer(rule, subject, start, trigger.within, cause)
    return replace(timer, cause=cause, data={"context": to_plain(values)})


def due(rule: Rule, timer: Timer, view: PostView | None, now: datetime, trace: Trace | None = None) -> Decision:
    """What a timer means at its time, once everything that happened before it is known.

    `view` is the post as it stands now. A wait that no longer holds is disarmed; one that began anew, or that the
    rule's present text makes longer, is armed again.
    """
    own = rule.per in OWN
    subject = group_of(rule.per, timer.provider, timer.post, view, timer.target) if own else subject_of(rule, timer)
    came_to = _at_its_time(rule, timer, subject, view, now)
    if trace:
        trace.rang(rule, timer, subject, came_to)
    return Disarm(rule, subject, timer.kind) if isinstance(came_to, Refusal) else came_to


def _at_its_time(rule: Rule, timer: Timer, subject: Group, view: PostView | None, now: datetime) -> CameTo:
    if isinstance(rule.trigger, On | Every) or timer.kind != kind_of(rule):
        return OVER
    if rule.per not in OWN:
        return _judge(rule, subject, timer, view, now)
    if isinstance(rule.trigger, Expect) and not rule.trigger.of:
        return OVER if subject.state in rule.trigger.over else _judge(rule, subject, timer, view, now)
    fresh = wait_for(rule, subject, view) if view else OVER
    if not isinstance(fresh, Timer):
        return fresh
    if fresh.cause != timer.cause or fresh.due_at > now:
        return Arm(rule, fresh)
    return _judge(rule, subject, timer, view, now, fresh.due_at)


def _judge(
    rule: Rule, subject: Group, timer: Timer, view: PostView | None, now: datetime, full: datetime | None = None
) -> CameTo:
    """`full` is when the rule's span was full, where it waited for longer."""
    values = _values_when_due(rule, timer, view, now)
    values["run.held"] = _held(rule, now - (full or timer.due_at))
    verdict = rule.judge(values)
    if verdict.kind == "error":
        return Failed(rule, subject, timer.cause, verdict.detail, to_plain(values), timer.due_at)
    if rule.per in OWN and (unmatched := rule.unmatched(subject)):
        return NotMatched(unmatched)
    if verdict.kind == "true":
        return Fire(rule, subject, timer.cause, to_plain(values), timer.due_at)
    return ConditionFalse(values)


def _values_when_due(rule: Rule, timer: Timer, view: PostView | None, now: datetime) -> Environment:
    """What a condition reads when a timer's time has come."""
    if rule.per not in OWN:
        values = known_of(timer)
        values["run.rule"] = rule.id
        return values
    values = describe(timer.provider, timer.post, view, timer.target)
    values["event.source"], values["event.occurred_at"] = "clock", timer.due_at
    kept = timer.data.get("context")
    if isinstance(kept, dict):
        values.update(
            {name: value for name, value in from_plain(kept).items() if name.startswith(("event.", "change."))}
        )
    values["run.rule"] = rule.id
    return values


def _held(rule: Rule, late: timedelta) -> timedelta:
    """For how long the wait has held, without the moments (`late`) that our own looking took."""
    grain = MINUTE if rule.span >= MINUTE else timedelta(seconds=1)
    return rule.span + max(late, timedelta(0)) // grain * grain


def _timer(rule: Rule, subject: Group, start: datetime, span: timedelta, what: str) -> Timer:
    return Timer(
        rule=rule.id,
        key=subject.key,
        kind=kind_of(rule),
        due_at=start + span,
        meaning=rule.revision,
        cause=f"{what}:{start.isoformat()}",
        provider=subject.provider,
        post=subject.post,
        target=subject.target,
        data={},
    )


KINDS = ("expect", "while")


def follows_from_standing(rule: Rule) -> bool:
    """Whether how a post stands tells all about the rule's waits."""
    trigger = rule.trigger
    if isinstance(trigger, Expect):
        return trigger.of is not None and not any(isinstance(word, EventName) for word in trigger.words)
    return isinstance(trigger, While) and not trigger.accounts


class _Shortest(Struct, frozen=True):
    """The shortest spans of some rules: after a state was entered, and after a time of the post."""

    states: Mapping[State, timedelta]
    times: Mapping[str, timedelta]

    def __bool__(self) -> bool:
        return bool(self.states or self.times)


class DeadlineIndex:
    """The rules whose waits follow from how a post stands."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.index = RuleIndex(rule for rule in rules if follows_from_standing(rule))
        self._known: dict[tuple[frozenset[State], frozenset[Label]], _Shortest] = {}

    def soonest(self, view: PostView) -> tuple[datetime | None, datetime | None]:
        """For each of KINDS a moment before which no wait of that kind is over; None: there is none."""
        shortest = self._shortest(view)
        if not shortest:
            return None, None
        return min(_timed(shortest, view), default=None), min(_entered(shortest, view), default=None)

    def waits(self, kind: str, view: PostView) -> list[Arm]:
        """The waits of that kind, the first to be over first."""
        found = [arm for arm in standing(self.index, view) if arm.timer.kind == kind]
        return sorted(found, key=lambda arm: (arm.timer.due_at, arm.rule.id))

    def _shortest(self, view: PostView) -> _Shortest:
        states = frozenset([view.state, *[target.state for target in view.targets]])
        marks = labels_of(view.provider, view) & self.index.marks
        found = self._known.get((states, marks))
        if found is None:
            found = self._known[states, marks] = _shortest(self.index.waits_in(states, marks))
        return found


def _shortest(rules: Iterable[Rule]) -> _Shortest:
    states: dict[State, timedelta] = {}
    times: dict[str, timedelta] = {}
    for rule in rules:
        trigger = rule.trigger
        if isinstance(trigger, While):
            states |= {state: min(trigger.lasting, states.get(state, trigger.lasting)) for state in trigger.states}
        elif isinstance(trigger, Expect) and trigger.of:
            times[trigger.of] = min(trigger.within, times.get(trigger.of, trigger.within))
    return _Shortest(states, times)


def _entered(shortest: _Shortest, view: PostView) -> Iterator[datetime]:
    stands = [(view.state, view.entered_at), *((target.state, target.entered_at) for target in view.targets)]
    for state, entered_at in stands if shortest.states else ():
        span = shortest.states.get(state)
        if span is not None and entered_at:
            yield entered_at + span


def _timed(shortest: _Shortest, view: PostView) -> Iterator[datetime]:
    for name, span in shortest.times.items():
        start: datetime | None = getattr(view, name)
        if start:
            yield start + span
