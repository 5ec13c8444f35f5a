"""A world in memory: changes in, firings and actions out, on a clock that only what is told moves.

Rule tests and backtests live in it; it runs the same engine as the service. What an action came to is learned from
the changes, as in earnest, where `on_record` has the action; any other is taken to have gone well at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from uuid import UUID

from tracker.domain import periodic
from tracker.domain.action import ActionSpec
from tracker.domain.change import Change, PostView
from tracker.domain.decide import decide, words_heard
from tracker.domain.decision import Decision, Fire, Timer
from tracker.domain.dispatch import RuleIndex
from tracker.domain.duration import format_duration
from tracker.domain.engine import Engine
from tracker.domain.firing import Firing
from tracker.domain.memory import Asked, Effects, Memory, TimerKey
from tracker.domain.run import Run
from tracker.domain.signal import ActionFinished, Cancelled, Label
from tracker.domain.timing import due, standing
from tracker.domain.trigger import Every


@dataclass(frozen=True, slots=True)
class Taken:
    """An action, and when it was asked for, or (among what is noted) when it was due."""

    at: datetime
    asked: Asked


@dataclass
class World:
    """`firings` and `taken` gather all that has happened up to `now`.

    `noted` holds, beside the actions, the pauses, their ends and the labels, each as if it were an action. `labelled`
    is told of labels put on posts, `after_action` of what was taken to have gone well.
    """

    rules: RuleIndex
    now: datetime
    on_record: Collection[UUID] = ()
    firings: list[Firing] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    noted: list[Taken] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    after_action: Callable[[Asked], None] = lambda _: None
    labelled: Callable[[Label, Run], None] = lambda _label, _run: None
    timers: dict[TimerKey, tuple[Timer, UUID | None]] = field(default_factory=dict)
    views: dict[tuple[str, str], PostView] = field(default_factory=dict)
    _queue: list[tuple[datetime, TimerKey]] = field(default_factory=list)
    _past: dict[tuple[str, str], list[Change]] = field(default_factory=lambda: defaultdict(list))
    _gathered: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._engine = Engine(self.rules, self.memory)
        self._waits = any(rule.waits_for for rule in self.rules)
        for arm in periodic.first_occasions(self.rules, self.now):
            self._set(arm.timer, None)

    def see(self, change: Change) -> None:
        """The change has been recorded now."""
        self.now = max(self.now, change.received_at)
        key = (change.provider, change.post or "")
        if change.context:
            self.views[key] = change.context
        if self.rules.periodic:
            self._gathered.append(change)
        result = result_of(change)
        if result:
            self._engine.hear(*result, change.received_at)
        decisions = [self._looked_back(decision) for decision in decide(self.rules, change)]
        if self._waits:
            self._past[key].append(change)
        self.carry_out(decisions, change.received_at)

    def carry_out(self, decisions: Iterable[Decision], at: datetime) -> None:
        """Decisions made elsewhere, at that time."""
        for decision in decisions:
            self._engine.carry_out(decision, at)
        self._settle(at)

    def pass_time(self, moment: datetime, *, inclusive: bool = True) -> None:
        """Every timer up to that moment comes at its time."""
        while self._queue and (self._queue[0][0] < moment or (inclusive and self._queue[0][0] == moment)):
            due_at, key = heappop(self._queue)
            found = self.timers.get(key)
            if found and found[0].due_at == due_at:
                del self.timers[key]
                self.now = max(self.now, due_at)
                self._ring(*found)
        self.now = max(self.now, moment)

    def exchange(self, rules: RuleIndex) -> None:
        """Other rules are in force: a timer stays if its rule means the same, and is worked out anew if not."""
        self.rules, self._waits = rules, any(rule.waits_for for rule in rules)
        self._engine = Engine(rules, self.memory)
        revisions = {rule.id: rule.revision for rule in rules}
        kept = {key: one for key, one in self.timers.items() if one[1] or one[0].meaning == revisions.get(one[0].rule)}
        self.restore_timers(kept.values())
        for arm in periodic.first_occasions(rules, self.now):
            if (arm.timer.rule, arm.timer.key, arm.timer.kind) not in self.timers:
                self._set(arm.timer, None)
        for view in list(self.views.values()):
            for arm in standing(rules, view):
                if (arm.timer.rule, arm.timer.key, arm.timer.cause) not in self.memory.known:
                    self._set(arm.timer, None)

    def restore_timers(self, timers: Iterable[tuple[Timer, UUID | None]]) -> None:
        """These are all the timers that there are."""
        self.timers, self._queue = {}, []
        for timer, run in list(timers):
            self._set(timer, run)

    def _ring(self, timer: Timer, run: UUID | None) -> None:
        rule = self.rules.by_id.get(timer.rule)
        if run:
            self._engine.ring(run, timer.meaning, timer.due_at)
        elif rule and timer.kind == periodic.KIND:
            self.carry_out(periodic.occasion(rule, timer, self._since(timer, rule.trigger), timer.due_at), timer.due_at)
        elif rule:
            view = self.views.get((timer.provider, timer.post or ""))
            self.carry_out([self._looked_back(due(rule, timer, view, timer.due_at))], timer.due_at)
        self._settle(timer.due_at)

    def _since(self, timer: Timer, trigger: object) -> Sequence[Change]:
        if not isinstance(trigger, Every) or not trigger.over:
            return []
        since = periodic.since_of(timer)
        return [change for change in self._gathered if since < change.received_at <= timer.due_at]

    def _looked_back(self, decision: Decision) -> Decision:
        if not isinstance(decision, Fire) or not decision.rule.waits_for:
            return decision
        subject = decision.subject
        past = self._past.get((subject.provider, subject.post or ""), [])
        earlier = [change for change in past if change.occurred_at >= decision.occurred_at]
        return decision.having_heard(words_heard(decision.rule, subject.key, earlier))

    def _settle(self, at: datetime) -> None:
        """Let what was asked for be done, until nothing more follows from it."""
        while True:
            effects = self._engine.drain()
            self._take_in(effects)
            noted = (*without_actions(effects, at), *effects.actions.values())
            self.noted += [Taken(max(at, asked.action.due_at), asked) for asked in noted]
            done = [asked for asked in effects.actions.values() if self._is_taken(asked)]
            self.taken += [Taken(at, asked) for asked in effects.actions.values()]
            if not done:
                return
            for asked in done:
                if asked.run:
                    self._engine.hear(asked.run, ActionFinished(asked.action.id, "done", "ok"), at)
                self.after_action(asked)

    def _is_taken(self, asked: Asked) -> bool:
        return asked.fate == "pending" and asked.action.id not in self.on_record

    def _take_in(self, effects: Effects) -> None:
        self.firings += effects.firings
        for key in effects.disarmed - effects.timers.keys():
            self.timers.pop(key, None)
        for timer, run in effects.timers.values():
            self._set(timer, run)
        for label, labelled, _ in effects.labels:
            self.labelled(label, labelled)

    def _set(self, timer: Timer, run: UUID | None) -> None:
        key = (timer.rule, timer.key, timer.kind)
        self.timers[key] = (timer, run)
        heappush(self._queue, (timer.due_at, key))


def without_actions(effects: Effects, at: datetime) -> Iterator[Asked]:
    """What rules do by themselves, in the form of actions that nobody has to perform."""
    for pause in effects.pauses:
        said = {"for": format_duration(pause.until - at)}
        yield Asked(ActionSpec("pause", pause.rule, said, f"pause:{pause}", at), pause.by, "", None, "", None)
    for rule, scope in effects.released:
        yield Asked(ActionSpec("resume", rule, {}, f"resume:{rule}:{scope}:{at}", at), "", "", None, "", None)
    for label, run, _ in effects.labels:
        spec = ActionSpec("set", run.post or "", label.labels, label.key, at)
        yield Asked(spec, run.rule, run.revision, run.id, run.provider, run.post)


def result_of(change: Change) -> tuple[UUID, ActionFinished | Cancelled] | None:
    """What the change tells a run: how an action of it ended, or that somebody has cancelled it."""
    said = change.detail or {}
    if change.source not in TELLING or not said.get("run"):
        return None
    run = UUID(str(said["run"]))
    if change.event == CANCELLED:
        return run, Cancelled("by hand")
    if change.event not in OUTCOMES:
        return None
    return run, ActionFinished(UUID(str(said["action"])), str(said["outcome"]), str(said["reason"]))


CANCELLED = "run.cancelled"
"""Somebody has cancelled a run."""

OUTCOMES = frozenset({"action.done", "action.dead", "action.unknown", "action.discarded"})

TELLING = frozenset({"action", "manual"})
"""The sources of facts that concern one run; what others call so is theirs."""
