"""What the API answers about runs."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from tracker.domain.rules.descriptions import step_in_words, verb_of
from tracker.domain.runs.run import Run
from tracker.queries.actions import OneActionOut
from tracker.queries.run_steps import RunStep


class RunOut(Struct, frozen=True):
    """A rule's steps under way, or at their end."""

    id: UUID
    rule: str
    revision: Annotated[str, Meta(description="The rule's when the run began.")]
    provider: str
    post: str | None
    target: str | None
    key: Annotated[str, Meta(description="What the rule counts as one.")]
    state: Annotated[str, Meta(description="queued, active, done, cancelled, exhausted or failed.")]
    phase: Annotated[
        str, Meta(description="What it waits for: new, backoff, acting, watching, waiting, holding; over: nothing.")
    ]
    step: Annotated[str, Meta(description="The path of the step at which it stands.")]
    tries: Annotated[int, Meta(description="Of the present retry.")]
    count: Annotated[int, Meta(description="How often the rule fired into it.")]
    shadow: Annotated[bool, Meta(description="A canary's: it is only recorded what it asks for.")]
    why: Annotated[str, Meta(description="Why it ended, or went into its branch; empty where there is nothing to say.")]
    started_at: datetime
    updated_at: datetime


class RunStepOut(Struct, frozen=True):
    """One step of the run's rule, and what the run made of it."""

    path: str
    verb: Annotated[str | None, Meta(description="null where the rule as it is now has no such step.")]
    says: Annotated[str, Meta(description="What it does, in words.")]
    state: Annotated[str, Meta(description="done, current, ahead, or left when the run will not come to it.")]
    asked: Annotated[list[UUID], Meta(description="The actions that it asked for.")]


class MoveOut(Struct, frozen=True):
    """One move of the run."""

    number: int
    at: datetime
    says: str


class TimerOut(Struct, frozen=True):
    """What the run waits for on the clock."""

    due_at: datetime
    what: Annotated[str, Meta(description="retry, wait or repeat.")]
    says: str


class OneRunOut(RunOut, frozen=True):
    """A run with its steps, its moves, and what it asked for."""

    rule_now: Annotated[str | None, Meta(description="The rule's revision now; null: it is not in force.")]
    steps: list[RunStepOut]
    moves: Annotated[list[MoveOut], Meta(description="The last 500, the first one first.")]
    actions: Annotated[list[OneActionOut], Meta(description="The last 500 with their attempts, the first one first.")]
    timers: list[TimerOut]


def run_fields(run: Run) -> dict[str, Any]:
    """The fields that a run shows in a list and by itself."""
    plain = ("id", "rule", "revision", "provider", "post", "target", "key", "tries", "count", "shadow", "why",
             "started_at", "updated_at")  # fmt: skip
    return {name: getattr(run, name) for name in plain} | {
        "state": str(run.state),
        "phase": str(run.phase),
        "step": run.path,
    }


def run_step_out(step: RunStep) -> RunStepOut:
    """A step of a run as it is shown."""
    known = step.step
    says = step_in_words(known) if known else "a step that the rule no longer has"
    return RunStepOut(step.path, verb_of(known) if known else None, says, step.state, list(step.asked))
