"""A world in memory for rules to be tried in: the same pure decisions as live, a clock of its own, actions only noted.

Every action is taken at once and goes well. Pauses have no jitter, so that a test can name the moment.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from uuid import UUID

from tracker.domain.action import ActionSpec
from tracker.domain.decide import decide
from tracker.domain.decision import (
    Arm,
    Cancel,
    Decision,
    Declined,
    Disarm,
    Failed,
    Fire,
    Resolve,
    Settle,
    Suppressed,
    Timer,
)
from tracker.domain.event import Fact, State
from tracker.domain.post import Post, arrive, view
from tracker.domain.rule import Rule, RuleIndex
from tracker.domain.run import Run, RunState, begin
from tracker.domain.signal import (
    ActionFinished,
    Again,
    ArmTimer,
    Cancelled,
    DisarmTimer,
    Intent,
    Perform,
    Resolved,
    Settled,
    Signal,
    Started,
    TimerDue,
)
from tracker.domain.step import RetryStep, Step
from tracker.domain.timing import due, standing
from tracker.domain.workflow import advance

TimerKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """An action, and when it was taken."""

    at: datetime
    action: ActionSpec


@dataclass
class Rehearsal:
    """Rules, and all that became of them up to `now`. `unfit` are conditions that could not be evaluated."""

    rules: RuleIndex
    now: datetime
    taken: list[Taken] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    _posts: dict[str, Post] = field(default_factory=dict)
    _facts: dict[str, list[Fact]] = field(default_factory=dict)
    _fired: set[tuple[str, str, str]] = field(default_factory=set)
    _runs: dict[UUID, Run] = field(default_factory=dict)
    _timers: dict[TimerKey, tuple[Timer, UUID | None]] = field(default_factory=dict)
    _asked: deque[tuple[ActionSpec, UUID]] = field(default_factory=deque)

    def hear(self, fact: Fact) -> None:
        """The fact arrives now."""
        post = fact.post or ""
        earlier = self._facts.setdefault(post, [])
        self._posts[post], change = arrive(self._posts.get(post), fact, tuple(earlier))
        earlier.append(fact)
        self._carry_out(decide(self.rules, change))

    def wait_until(self, moment: datetime) -> None:
        """Let time pass, and every timer on the way come at its time."""
        while self._timers:
            key, (timer, run) = min(self._timers.items(), key=lambda item: (item[1][0].due_at, item[0]))
            if timer.due_at > moment:
                break
            self.now = max(self.now, timer.due_at)
            del self._timers[key]
            self._ring(timer, run)
        self.now = max(self.now, moment)

    def restart(self) -> None:
        """Nothing is known any more but what has been stored."""
        self._runs = {
            run.id: run for run in (Run.from_data(json.loads(json.dumps(run.to_data()))) for run in self._runs.values())
        }
        stored = [(json.dumps(asdict(timer), default=datetime.isoformat), run) for timer, run in self._timers.values()]
        kept = [(json.loads(text), run) for text, run in stored]
        timers = [(Timer(**{**one, "due_at": datetime.fromisoformat(one["due_at"])}), run) for one, run in kept]
        self._timers = {(timer.rule, timer.key, timer.kind): (timer, run) for timer, run in timers}

    def reload(self, rules: Iterable[Rule]) -> None:
        """Other rules are in force: a timer stays if its rule means the same, and is worked out anew if not."""
        self.rules = RuleIndex(calm(rule) for rule in rules)
        revisions = {rule.id: rule.revision for rule in self.rules}
        self._timers = {
            key: (timer, run)
            for key, (timer, run) in self._timers.items()
            if run or timer.meaning == revisions.get(timer.rule)
        }
        for post in self._posts.values():
            arms = [arm for arm in standing(self.rules, view(post)) if not self._has_fired(arm.timer)]
            self._carry_out(arms)

    def _has_fired(self, timer: Timer) -> bool:
        return (timer.rule, timer.key, timer.cause) in self._fired

    def _ring(self, timer: Timer, run: UUID | None) -> None:
        rule = self.rules.by_id.get(timer.rule)
        if run:
            self._tell(run, TimerDue(timer.meaning))
            self._take()
        elif rule:
            post = self._posts.get(timer.post or "")
            self._carry_out([due(rule, timer, view(post) if post else None, self.now)])

    def _carry_out(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            self._do(decision)
        self._take()

    def _do(self, decision: Decision) -> None:
        match decision:
            case Fire():
                self._fire(decision)
            case Declined(rule, subject, _, context):
                self._tell_active(rule, subject.key, Again(eligible=False, context=context))
            case Failed(rule, _, _, detail, _):
                self.unfit.append(f"{rule.id}: {detail}")
            case Arm(_, timer):
                self._timers[timer.rule, timer.key, timer.kind] = (timer, None)
            case Disarm(rule, subject, kind):
                self._timers.pop((rule.id, subject.key, kind), None)
            case Cancel(rule, subject, by):
                self._tell_active(rule, subject.key, Cancelled(by))
            case Settle(rule, subject, state):
                self._tell_active(rule, subject.key, Settled(state))
            case Resolve(rule, subject):
                self._tell_active(rule, subject.key, Resolved())
            case Suppressed():
                pass

    def _fire(self, fire: Fire) -> None:
        identity = (fire.rule.id, fire.subject.key, fire.cause)
        if identity in self._fired:
            return
        self._fired.add(identity)
        if not self._tell_active(fire.rule, fire.subject.key, Again(eligible=True, context=fire.context)):
            run = begin(fire, self.now)
            self._runs[run.id] = run
            self._tell(run.id, Started())

    def _tell_active(self, rule: Rule, key: str, signal: Signal) -> bool:
        active = [
            run for run in self._runs.values() if (run.rule, run.key, run.state) == (rule.id, key, RunState.ACTIVE)
        ]
        for run in active:
            self._tell(run.id, signal)
        return bool(active)

    def _tell(self, run_id: UUID, signal: Signal) -> None:
        run = self._runs[run_id]
        rule = self.rules.by_id.get(run.rule)
        if rule is None:
            self._runs[run_id] = replace(run, state=RunState.CANCELLED)
            return
        moved = advance(run, rule, signal, self.now)
        self._runs[run_id] = moved.run
        for intent in moved.intents:
            self._intend(moved.run, intent)

    def _intend(self, run: Run, intent: Intent) -> None:
        key = (run.rule, run.key, "run")
        if isinstance(intent, Perform):
            self._asked.append((intent.action, run.id))
        elif isinstance(intent, ArmTimer):
            timer = Timer(*key, intent.due_at, intent.meaning, run.cause, run.provider, run.post, run.target, {})
            self._timers[key] = (timer, run.id)
        elif isinstance(intent, DisarmTimer):
            self._timers.pop(key, None)

    def _take(self) -> None:
        """Take what was asked for. A retry that is taken begins the next attempt, as it does live."""
        while self._asked:
            action, run = self._asked.popleft()
            self.taken.append(Taken(self.now, action))
            self._tell(run, ActionFinished(action.id, "done"))
            if action.verb == "retry":
                self.hear(_retrying(action, self.now))


def _retrying(action: ActionSpec, now: datetime) -> Fact:
    attempt = action.payload.get("attempt")
    return Fact(
        id=str(action.id),
        provider=action.target,
        post=str(action.payload["post"]),
        event="action.done",
        source="action",
        occurred_at=now,
        received_at=now,
        position=0,
        state=State.RETRYING,
        attempt=attempt + 1 if isinstance(attempt, int) else None,
    )


def calm(rule: Rule) -> Rule:
    """The rule without jitter, and in force even where it is switched off."""
    return replace(rule, do=tuple(map(_calm, rule.do)), enabled=True)


def _calm(step: Step) -> Step:
    return replace(step, backoff=replace(step.backoff, jitter=0)) if isinstance(step, RetryStep) else step
