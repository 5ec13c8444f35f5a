"""A rule's steps under way: `advance` moves a run, and nothing else does.

Nothing here acts. The answer is the run as it is afterwards, with intents for others to store. A run goes by the
present text of its rule; where that no longer holds the step at which the run stands, the run ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from tracker.domain.action import Reason
from tracker.domain.event import State
from tracker.domain.message import ask, ask_retry, take_back
from tracker.domain.rule import Rule
from tracker.domain.run import Notice, Phase, Run, RunState
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
    Withdraw,
)
from tracker.domain.step import AlertStep, RetryStep

TRYING = frozenset({Phase.BACKOFF, Phase.ACTING, Phase.WATCHING})
TRIED = frozenset({"done", "unknown"})
"""After these ends of a retry action only the provider's next word tells what became of it."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The run after a signal, and what it asks for, in this order."""

    run: Run
    intents: tuple[Intent, ...] = ()

    def after(self, *earlier: Intent) -> Advance:
        """The same, with `earlier` intents before it."""
        return Advance(self.run, (*earlier, *self.intents))


def advance(run: Run, rule: Rule, signal: Signal, now: datetime) -> Advance:
    """Move the run by one signal. Total: a signal that means nothing in the run's state changes nothing."""
    if run.state is not RunState.ACTIVE:
        return Advance(run)
    if run.phase in TRYING and _trying(run, rule) is None and not isinstance(signal, Cancelled):
        signal = Cancelled("the rule was edited")
    moved = _hear(run, rule, signal, now)
    return moved if moved.run == run else replace(moved, run=replace(moved.run, updated_at=now))


def _hear(run: Run, rule: Rule, signal: Signal, now: datetime) -> Advance:
    match signal:
        case Started() if run.phase is Phase.NEW:
            return _walk(run, rule, now)
        case TimerDue(meaning) if run.phase is Phase.BACKOFF and meaning == _pause_name(run):
            return _try(run, rule, now)
        case ActionFinished(action, outcome, reason) if run.phase is Phase.ACTING and action == run.pending:
            return _tried(run, rule, outcome, reason, now)
        case Again(eligible, context):
            return _again(_heard_of(run, context), rule, eligible, now)
        case Settled(state) if run.phase in TRYING:
            return _settle(run, rule, state, now)
        case Resolved() if run.notices:
            return _resolve(run, rule, now)
        case Cancelled(by):
            return _cancel(run, by)
    return Advance(run)


def _walk(run: Run, rule: Rule, now: datetime) -> Advance:
    """Do step after step, until one has to wait or none is left."""
    intents: list[Intent] = []
    steps = rule.do if run.branch == "do" else rule.exhausted
    while run.step < len(steps):
        step = steps[run.step]
        if isinstance(step, RetryStep):
            return _pause(replace(run, tries=0), step, now).after(*intents)
        action = ask(run, step, now)
        intents.append(Perform(action))
        if isinstance(step, AlertStep) and step.resolves:
            notice = Notice(run.path, step.channel, str(action.payload["title"]), step.severity)
            run = replace(run, notices=(*run.notices, notice))
        run = replace(run, step=run.step + 1, asked=(*run.asked, action.id))
    return _finish(run).after(*intents)


def _finish(run: Run) -> Advance:
    """No step is left: the run ends, unless it still has an alert to take back one day."""
    if run.notices:
        return Advance(replace(run, phase=Phase.HOLDING))
    return Advance(replace(run, state=run.ending, phase=Phase.OVER))


def _pause(run: Run, step: RetryStep, now: datetime) -> Advance:
    run = replace(run, phase=Phase.BACKOFF, pending=None, heard=None)
    delay = step.backoff.delay(run.tries + 1, f"{run.id}:{run.path}")
    return Advance(run, (ArmTimer(now + delay, _pause_name(run)),))


def _try(run: Run, rule: Rule, now: datetime) -> Advance:
    step = _trying(run, rule)
    if step is None:
        return Advance(run)
    run = replace(run, tries=run.tries + 1, phase=Phase.ACTING)
    action = ask_retry(run, step, now)
    return Advance(replace(run, pending=action.id, asked=(*run.asked, action.id)), (Perform(action),))


def _tried(run: Run, rule: Rule, outcome: str, reason: str, now: datetime) -> Advance:
    if outcome not in TRIED and reason != Reason.NOT_NEEDED:
        return _exhaust(run, rule, f"try {run.tries} could not be made: {reason or outcome}", now)
    watching = replace(run, phase=Phase.WATCHING, heard=None)
    return Advance(watching) if run.heard is None else _again(watching, rule, run.heard, now)


def _again(run: Run, rule: Rule, eligible: bool, now: datetime) -> Advance:
    """It happened once more: what is under way goes on; after a try it means that the try did not help."""
    if run.phase is Phase.ACTING:
        return Advance(replace(run, heard=eligible))
    if run.phase not in TRYING:
        return Advance(run)
    if not eligible:
        disarm = (DisarmTimer(),) if run.phase is Phase.BACKOFF else ()
        return _exhaust(run, rule, "the condition no longer allows another try", now).after(*disarm)
    step = _trying(run, rule)
    if run.phase is Phase.BACKOFF or step is None:
        return Advance(run)
    if run.tries >= step.tries:
        return _exhaust(run, rule, f"all {step.tries} tries are used up", now)
    return _pause(run, step, now)


def _exhaust(run: Run, rule: Rule, why: str, now: datetime) -> Advance:
    left = replace(run, branch="exhausted", step=0, pending=None, heard=None, ending=RunState.EXHAUSTED, why=why)
    return _walk(left, rule, now)


def _settle(run: Run, rule: Rule, state: State, now: datetime) -> Advance:
    if state is not State.PUBLISHED:
        return _cancel(run, f"post.{state}")
    done = replace(run, step=run.step + 1, pending=None, heard=None)
    return _walk(done, rule, now).after(*_stop(run, (run.pending,) if run.pending else ()))


def _resolve(run: Run, rule: Rule, now: datetime) -> Advance:
    intents = tuple(Perform(take_back(run, notice, now)) for notice in run.notices)
    run = replace(run, notices=())
    return _finish(run).after(*intents) if run.phase is Phase.HOLDING else Advance(run, intents)


def _cancel(run: Run, by: str) -> Advance:
    cancelled = replace(run, state=RunState.CANCELLED, phase=Phase.OVER, why=by)
    return Advance(cancelled, tuple(_stop(run, run.asked)))


def _stop(run: Run, actions: tuple[UUID, ...]) -> list[Intent]:
    stopped: list[Intent] = [DisarmTimer()] if run.phase is Phase.BACKOFF else []
    return [*stopped, Withdraw(actions)] if actions else stopped


def _trying(run: Run, rule: Rule) -> RetryStep | None:
    """The retry step at which the run stands, if the rule still has it."""
    step = rule.do[run.step] if run.branch == "do" and run.step < len(rule.do) else None
    return step if isinstance(step, RetryStep) else None


def _pause_name(run: Run) -> str:
    return f"{run.path}:{run.tries + 1}"


def _heard_of(run: Run, context: Mapping[str, object] | None) -> Run:
    """A firing that joins a run brings the newest values with it."""
    return replace(run, count=run.count + 1, context=context or run.context)
