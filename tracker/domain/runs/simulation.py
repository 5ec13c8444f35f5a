"""A world in memory: changes in, firings and actions out, on a clock that only what is told moves.

Rule tests and backtests live in it; it runs the same engine as the service. What an action came to is learned from
the changes, as in earnest, where `on_record` has the action; any other is taken to have gone well at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from uuid import UUID

from msgspec import Struct

from tracker.domain.accounts import Account
from tracker.domain.posts.arrival import with_accounts
from tracker.domain.posts.change import Change, PostView
from tracker.domain.rules import periodic
from tracker.domain.rules.decide import decide
from tracker.domain.rules.decision import Arm, Came, Decision, Disarm, Fire, Timer, Trace
from tracker.domain.rules.listing import states_listed
from tracker.domain.rules.rule import Every
from tracker.domain.rules.rule_index import RuleIndex
from tracker.domain.rules.timers import KINDS, DeadlineIndex, due, standing
from tracker.domain.runs.engine import Engine
from tracker.domain.runs.engine_state import ActionRequest, Effects, EngineState, Firing, RuleKey, TimerKey
from tracker.domain.runs.run import Run
from tracker.domain.runs.run_signals import ActionFinished, Label, result_of
from tracker.domain.runs.simulation_state import PostKey, UnderWay, without_actions

GLANCE = ""
"""No rule has this name: such timers are for looking at a post again."""

Heard = tuple[datetime, tuple[str, ...]]
"""Some of the words that a rule's steps wait for, and when that happened."""


class Taken(Struct, frozen=True):
    """An action that was asked for, or anything else that rules did, and when."""

    at: datetime
    asked: ActionRequest


@dataclass
class Simulation:
    """`firings` and `taken` gather all that has happened up to `now`.

    `noted` holds, beside the actions, the pauses, their ends and the labels, each as if it were an action. `labelled`
    is told of labels put on posts, `after_action` of what was taken to have gone well. `withdrawn` were to be taken
    back, if they were not begun.
    """

    rules: RuleIndex
    now: datetime
    on_record: Collection[UUID] = ()
    firings: list[Firing] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    noted: list[Taken] = field(default_factory=list)
    withdrawn: list[UUID] = field(default_factory=list)
    memory: EngineState = field(default_factory=EngineState)
    after_action: Callable[[ActionRequest], None] = lambda _: None
    labelled: Callable[[Label, Run], None] = lambda _label, _run: None
    timers: dict[TimerKey, tuple[Timer, UUID | None]] = field(default_factory=dict)
    views: dict[PostKey, PostView] = field(default_factory=dict)
    at_a_glance: bool = False
    """Whether to look at a post again when something may be due, in place of a timer for each rule that waits."""
    trace: Trace | None = None
    _queue: list[tuple[datetime, TimerKey]] = field(default_factory=list)
    _heard: dict[RuleKey, list[Heard]] = field(default_factory=lambda: defaultdict(list))
    _gathered: list[Change] = field(default_factory=list)
    _accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    _under_way: UnderWay = field(default_factory=UnderWay)

    def __post_init__(self) -> None:
        self._outlook = DeadlineIndex(self.rules) if self.at_a_glance else None
        if self._outlook:
            self.rules = RuleIndex(self.rules, unwatched=self._outlook.index.by_id)
        self._engine, self._waits = Engine(self.rules, self.memory), any(rule.waits_for for rule in self.rules)
        for arm in periodic.first_occasions(self.rules, self.now):
            self._set(arm.timer, None)

    def see(self, change: Change) -> None:
        """Let every rule see the change, at the time at which it was received."""
        self.now = max(self.now, change.received_at)
        if change.account:
            change = next(with_accounts([change], self._accounts))
        key = (change.provider, change.post or "")
        if change.context:
            self.views[key] = change.context
        if self.rules.periodic and any(periodic.is_gathered(rule, change) for rule in self.rules.periodic):
            self._gathered.append(change)
        result = result_of(change)
        if result:
            self._engine.deliver_signal(*result, change.received_at)
        decisions: Iterable[Decision] = decide(self.rules, change, self._under_way.busy(key), self.trace)
        if self._waits:
            decisions = [self._looked_back(decision) for decision in decisions]
            for came in decisions:
                if isinstance(came, Came):
                    self._heard[came.rule.id, came.subject.key].append((change.occurred_at, came.words))
        if self._outlook and change.context:
            self._look_ahead(self._outlook, change.context, moved=bool(change.moves) or change.kind == "revised")
        left = [decision for decision in decisions if not self._keeps_time(decision)]
        if left or result:
            self.carry_out(left, change.received_at)

    def _keeps_time(self, decision: Decision) -> bool:
        """Set or take away a rule's timer: nothing else follows from that."""
        if isinstance(decision, Arm):
            key = (decision.rule.id, decision.timer.key, decision.timer.kind)
        elif isinstance(decision, Disarm):
            key = (decision.rule.id, decision.subject.key, decision.kind)
        else:
            return False
        if self.trace and key in self.timers:
            self.trace.ended(self.timers[key][0], decision)
        if isinstance(decision, Arm):
            there = self.timers.get(key)
            if not (self.memory.is_told(decision.timer) or (there and decision.timer.is_earlier(there[0]))):
                self._set(decision.timer, None)
        else:
            self._unset(key)
        return True

    def carry_out(self, decisions: Iterable[Decision], at: datetime) -> None:
        """Carry out decisions that were made elsewhere, at that time."""
        for decision in decisions:
            self._engine.carry_out(decision, at)
        self._settle(at)

    def stand(self, view: PostView) -> None:
        """Take in a post that is there already: rules begin to wait for what its state calls for."""
        self.views[view.provider, view.id] = view
        for arm in standing(self.rules, view, trace=self.trace):
            if (arm.timer.rule, arm.timer.key, arm.timer.cause) not in self.memory.known:
                self._set(arm.timer, None)
        if self._outlook:
            self._look_ahead(self._outlook, view, moved=True)

    def forget(self, before: datetime) -> None:
        """Let go of what cannot matter any more, for rules that look no further back than to that moment."""
        self.memory.forget(before)
        waiting = {(timer.provider, timer.post or "") for timer, _ in self.timers.values()}
        kept = states_listed(self.rules.periodic)
        self.views = {key: view for key, view in self.views.items() if key in waiting or view.state in kept}
        late = {key: [one for one in heard if one[0] >= before] for key, heard in self._heard.items()}
        self._heard = defaultdict(list, {key: heard for key, heard in late.items() if heard})
        since = [periodic.since_of(timer) for timer, _ in self.timers.values() if timer.kind == periodic.KIND]
        self._gathered = [change for change in self._gathered if change.received_at > min(since, default=before)]

    def pass_time(self, moment: datetime, *, inclusive: bool = True) -> None:
        """Let every timer up to that moment come at its time."""
        while self._queue and (self._queue[0][0] < moment or (inclusive and self._queue[0][0] == moment)):
            due_at, key = heappop(self._queue)
            found = self.timers.get(key)
            if found and found[0].due_at == due_at:
                self._unset(key)
                self.now = max(self.now, due_at)
                self._ring(*found)
        self.now = max(self.now, moment)

    def exchange(self, rules: RuleIndex) -> None:
        """Put other rules in force: a timer stays if its rule means what it did, and is worked out anew if not."""
        self.rules, self._waits = rules, any(rule.waits_for for rule in rules)
        self._engine = Engine(rules, self.memory)
        revisions = {rule.id: rule.revision for rule in rules}
        kept = {key: one for key, one in self.timers.items() if one[1] or one[0].meaning == revisions.get(one[0].rule)}
        self.restore_timers(kept.values())
        for arm in periodic.first_occasions(rules, self.now):
            if (arm.timer.rule, arm.timer.key, arm.timer.kind) not in self.timers:
                self._set(arm.timer, None)
        for view in list(self.views.values()):
            self.stand(view)

    def restore_timers(self, timers: Iterable[tuple[Timer, UUID | None]]) -> None:
        """Have these timers and no others; with each, the id of its run, or None for a rule's own."""
        kept = list(timers)
        for key in list(self.timers):
            self._unset(key)
        self._queue.clear()
        for timer, run in kept:
            self._set(timer, run)

    def _look_ahead(self, outlook: DeadlineIndex, view: PostView, *, moved: bool) -> None:
        """Be back when a wait may be over; a post that has not moved can begin only to be expected to."""
        # A timer for each rule that waits would be set and taken away at every change, nearly always for nothing. So a
        # post has one of each kind, at a moment before which none of its waits is over; `_look` finds which are then.
        # `while` counts from a move; `expect` from a time of the post, which any fact may change.
        for kind, moment in zip(KINDS, outlook.soonest(view), strict=True):
            if moved or kind == "expect":
                self._look_at(view.provider, view.id, kind, moment)

    def _look_at(self, provider: str, post: str, kind: str, moment: datetime | None) -> None:
        key = (GLANCE, f"{provider}/{post}", kind)
        there, _ = self.timers.get(key, (None, None))
        if moment is None:
            self._unset(key)
        elif there is None or there.due_at != moment:
            self._set(Timer(*key, moment, "", "", provider, post, None, {}), None)

    def _look(self, outlook: DeadlineIndex, glance: Timer) -> None:
        """Let come what is due by now, and be back for the next."""
        view = self.views[glance.provider, glance.post or ""]
        waits = outlook.waits(glance.kind, view)
        later = next((arm.timer.due_at for arm in waits if arm.timer.due_at > glance.due_at), None)
        self._look_at(glance.provider, view.id, glance.kind, later)
        for arm in waits:
            timer = arm.timer
            if timer.due_at <= glance.due_at and (timer.rule, timer.key, timer.cause) not in self.memory.known:
                self.carry_out([self._looked_back(due(arm.rule, timer, view, timer.due_at))], timer.due_at)

    def _ring(self, timer: Timer, run: UUID | None) -> None:
        if self._outlook and timer.rule == GLANCE:
            self._look(self._outlook, timer)
            return
        rule = self.rules.by_id.get(timer.rule)
        if run:
            self._engine.ring(run, timer.meaning, timer.due_at)
        elif rule and timer.kind == periodic.KIND:
            self.carry_out(periodic.occasion(rule, timer, self._since(timer, rule.trigger), timer.due_at), timer.due_at)
        elif rule:
            view = self.views.get((timer.provider, timer.post or ""))
            self.carry_out([self._looked_back(due(rule, timer, view, timer.due_at, self.trace))], timer.due_at)
        self._settle(timer.due_at)

    def _since(self, timer: Timer, trigger: object) -> Sequence[Change] | Sequence[PostView]:
        if isinstance(trigger, Every) and trigger.standing:
            return list(self.views.values())
        if not isinstance(trigger, Every) or not trigger.over:
            return []
        since = periodic.since_of(timer)
        return [change for change in self._gathered if since < change.received_at <= timer.due_at]

    def _looked_back(self, decision: Decision) -> Decision:
        if not isinstance(decision, Fire) or not decision.rule.waits_for:
            return decision
        subject = decision.subject
        heard = self._heard.get((decision.rule.id, subject.key), ())
        words = (word for at, words in heard if at >= decision.occurred_at for word in words)
        return decision.having_heard(tuple(dict.fromkeys(words)))

    def _settle(self, at: datetime) -> None:
        """Let what was asked for be done, until nothing more follows from it."""
        while True:
            effects = self._engine.drain()
            self._take_in(effects)
            noted = (*without_actions(effects, at), *effects.actions.values())
            self.noted += [Taken(at, asked) for asked in noted]
            done = [asked for asked in effects.actions.values() if self._is_taken(asked)]
            self.taken += [Taken(at, asked) for asked in effects.actions.values()]
            if not done:
                return
            for asked in done:
                if asked.run:
                    self._engine.deliver_signal(asked.run, ActionFinished(asked.action.id, "done", "ok"), at)
                self.after_action(asked)

    def _is_taken(self, asked: ActionRequest) -> bool:
        return asked.fate == "pending" and asked.action.id not in self.on_record

    def _take_in(self, effects: Effects) -> None:
        self.firings += effects.firings
        self.withdrawn += effects.withdrawn
        for key in effects.disarmed - effects.timers.keys():
            self._unset(key)
        for timer, owner in effects.timers.values():
            self._set(timer, owner)
        for run in effects.runs.values():
            self._under_way.move(run)
        for label, labelled, _ in effects.labels:
            self.labelled(label, labelled)

    def _set(self, timer: Timer, run: UUID | None) -> None:
        key = (timer.rule, timer.key, timer.kind)
        if self.timers.get(key) == (timer, run):
            return
        self.timers[key] = (timer, run)
        if not run and timer.rule != GLANCE:
            self._under_way.arm(timer)
        heappush(self._queue, (timer.due_at, key))

    def _unset(self, key: TimerKey) -> None:
        timer, run = self.timers.pop(key, (None, None))
        if timer and not run and timer.rule != GLANCE:
            self._under_way.disarm(timer)
