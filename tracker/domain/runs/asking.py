"""What a run asks of the provider: the action of a try, of a question, or of a change to the post."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import UNSET

from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import ChangePayload, CreatePayload, ReconcilePayload, RetryPayload
from tracker.domain.rules.grouping import EPOCH, Environment
from tracker.domain.rules.step import ChangeStep, CreateStep, ProviderStep, ReconcileStep, RetryStep
from tracker.domain.runs.run import Run


def ask_retry(run: Run, step: RetryStep, known: Environment, key: str, now: datetime) -> ActionSpec:
    """The action of the present try."""
    attempt = known["post.attempt"]
    payload = RetryPayload(
        what=step.what, post=run.post, target=run.target, attempt=attempt if isinstance(attempt, int) else None
    )
    return ActionSpec("retry", run.provider, payload, key, now)


def ask_provider(run: Run, step: ProviderStep, known: Environment, key: str, now: datetime) -> ActionSpec:
    """The action that asks the provider how the post stands, or has it changed; `known` is what texts can read."""
    match step:
        case ReconcileStep():
            return ActionSpec("reconcile", run.provider, ReconcilePayload(post=run.post), key, now)
        case ChangeStep(verb, by):
            return ActionSpec(verb, run.provider, _change(run.post, known["post.scheduled_at"], by), key, now)
        case CreateStep(platforms, accounts, text):
            own, was = text(known) if text else UNSET, str(known["post.state"])
            wanted = CreatePayload(post=run.post, was=was, platforms=platforms, accounts=accounts, text=own)
            return ActionSpec("create", run.provider, wanted, key, now)


def _change(post: str | None, was: object, by: timedelta | None) -> ChangePayload:
    """A new time is settled here, so that asking for it twice moves the post once."""
    if by is None or not isinstance(was, datetime) or was == EPOCH:
        return ChangePayload(post=post)
    return ChangePayload(post=post, was=was, at=was + by)
