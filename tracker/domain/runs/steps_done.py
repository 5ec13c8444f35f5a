"""Steps that are done in one go: what each asks for, and the run past it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from tracker.domain.rules.step import (
    AlertStep,
    PauseStep,
    ReconcileStep,
    ResumeStep,
    RetryStep,
    SendStep,
    SetStep,
    Step,
    WaitStep,
)
from tracker.domain.runs.message import ask_reconcile, raise_alert, send_message, values_of
from tracker.domain.runs.run import Notice, Phase, Run
from tracker.domain.runs.run_signals import Hold, Intent, Label, Perform, Release


@dataclass(frozen=True, slots=True)
class Moved:
    """A run after a step, and what the step asks for."""

    run: Run
    intents: tuple[Intent, ...] = ()


def do_at_once(run: Run, step: Step, now: datetime) -> Moved:
    """Do a step that waits for nothing; only `reconcile` then stands still until its answer is there."""
    match step:
        case AlertStep():
            return _alert(run, step, now)
        case SendStep():
            action = send_message(run, step, now)
            return Moved(_past(replace(run, asked=(*run.asked, action.id))), (Perform(action),))
        case ReconcileStep():
            action = ask_reconcile(run, now)
            acting = replace(run, phase=Phase.ACTING, pending=action.id, asked=(*run.asked, action.id))
            return Moved(acting, (Perform(action),))
        case PauseStep(rule, lasting):
            return Moved(_past(run), (Hold(rule, now + lasting),))
        case ResumeStep(rule):
            return Moved(_past(run), (Release(rule),))
        case SetStep(labels):
            known = values_of(run)
            texts = {name: render(known) for name, render in labels.items()}
            return Moved(_past(run), (Label(texts, f"{run.id}:{run.path}"),))
        case RetryStep() | WaitStep():
            raise TypeError(f"{type(step).__name__} takes time")
        case _:
            assert_never(step)


def _alert(run: Run, step: AlertStep, now: datetime) -> Moved:
    """An alert is remembered as long as something may still have to be said to those who got it."""
    title = step.title(values_of(run))
    action = raise_alert(run, step, title, now)
    notice = Notice(run.path, step.channel, title, step.severity, action.id, step.resolves, step.repeat)
    run = replace(run, asked=(*run.asked, action.id), notices=(*run.notices, notice))
    return Moved(_past(run), (Perform(action),))


def _past(run: Run) -> Run:
    return replace(run, step=run.step + 1)
