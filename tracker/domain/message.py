"""What the actions of a run say: their payloads, as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from tracker.domain.action import ActionSpec
from tracker.domain.run import Notice, Run
from tracker.domain.step import AlertStep, RetryStep, SendStep
from tracker.domain.subject import Environment, from_plain, to_nested


def values_of(run: Run) -> Environment:
    """What the run's texts can read."""
    known = from_plain(run.context)
    known["run.rule"], known["run.tries"], known["run.count"] = run.rule, run.tries, run.count
    return known


def ask(run: Run, step: AlertStep | SendStep, now: datetime) -> ActionSpec:
    """The action of a step that happens once."""
    known = values_of(run)
    if isinstance(step, AlertStep):
        notice = Notice(run.path, step.channel, step.title(known), step.severity)
        body = step.body(known) if step.body else ""
        return _action(run, "alert", step.channel, _alert(run, notice, body, step.resolves), "1", now)
    return _action(run, "send", step.endpoint, _message(run, step, known), "1", now)


def ask_retry(run: Run, step: RetryStep, now: datetime) -> ActionSpec:
    """The action of the present try."""
    attempt = values_of(run)["post.attempt"]
    payload = {"what": step.what, "post": run.post, "target": run.target, "attempt": attempt}
    return _action(run, "retry", run.provider, payload, str(run.tries), now)


def take_back(run: Run, notice: Notice, now: datetime) -> ActionSpec:
    """The alert that an earlier one is over."""
    over = Notice(notice.step, notice.channel, f"Resolved: {notice.title}", notice.severity)
    payload = {**_alert(run, over, "", True), "resolved": True}
    return ActionSpec("alert", notice.channel, payload, f"{run.id}:{notice.step}:resolved", now)


def _action(run: Run, verb: str, target: str, payload: Mapping[str, object], turn: str, now: datetime) -> ActionSpec:
    return ActionSpec(verb, target, payload, f"{run.id}:{run.path}:{turn}", now)


def _alert(run: Run, notice: Notice, body: str, resolves: bool) -> dict[str, object]:
    return {
        "title": notice.title,
        "body": body,
        "severity": notice.severity,
        "resolves": resolves,
        "resolved": False,
        "rule": run.rule,
        "key": f"{run.rule}/{run.key}",
        "provider": run.provider,
        "post": run.post,
        "target": run.target,
    }


def _message(run: Run, step: SendStep, known: Environment) -> dict[str, object]:
    data: Mapping[str, object] = {"rule": run.rule, **to_nested(known)}
    if step.data is not None:
        data = {name: render(known) for name, render in step.data.items()}
    return {"event": step.event(known), "data": data}
