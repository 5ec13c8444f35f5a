"""What the API answers to "why?"."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from tracker.queries.why import Answer, Reason
from tracker.queries.why_facts import ActionTaken
from tracker.rulebook.explanations import Clause

Outcome = Annotated[
    str,
    Meta(
        description="fired, joined, queued, counted, suppressed or error, as on record; false: a clause did not hold;"
        " waiting: until `due_at`; unseen: every clause holds, but nobody has decided; off; clock: it goes by the clock"
        " alone; gathered: for its next digest."
    ),
]


class ClauseOut(Struct, frozen=True):
    """The first clause of the rule that was false."""

    key: Annotated[str, Meta(description="Where it stands in the rule, as in on, match.platform, when, for, expect.")]
    wanted: Annotated[str, Meta(description="What it wants; of a condition, the part that was false.")]
    was: Annotated[str, Meta(description="What it met.")]
    values: Annotated[dict[str, Any], Meta(description="The variables that it reads, as they were then.")]


class ActionTakenOut(Struct, frozen=True):
    """What was done about it."""

    id: UUID
    verb: str
    target: str
    state: str
    reason: str | None
    hidden_by: Annotated[str | None, Meta(description="What kept it from people: a silence, or a rule that mutes.")]
    due_at: datetime
    finished_at: datetime | None


class ReasonOut(Struct, frozen=True):
    """What the rule made of one thing that happened."""

    outcome: Outcome
    text: str
    at: datetime | None
    event: Annotated[str, Meta(description="What happened, as in `publishing -> failed`.")]
    key: Annotated[str, Meta(description="What the rule counts as one.")]
    clause: ClauseOut | None
    detail: Annotated[str | None, Meta(description="What held it back, where something did.")]
    due_at: Annotated[datetime | None, Meta(description="When a wait is over.")]
    run: UUID | None
    run_state: str | None
    actions: list[ActionTakenOut]


class AnswerOut(Struct, frozen=True):
    """What one rule made of the post."""

    rule: str
    revision: Annotated[str | None, Meta(description="null: no file has the rule any more.")]
    outcome: Outcome
    text: Annotated[str, Meta(description="The most telling of its reasons, in one sentence.")]
    reasons: Annotated[list[ReasonOut], Meta(description="The most telling first.")]


def answer_out(answer: Answer) -> AnswerOut:
    """An answer as it is shown."""
    reasons = [_reason_out(reason) for reason in answer.reasons]
    return AnswerOut(answer.rule, answer.revision, reasons[0].outcome, reasons[0].text, reasons)


def _reason_out(reason: Reason) -> ReasonOut:
    one, firing = reason.explanation, reason.explanation.firing
    return ReasonOut(
        one.outcome, reason.text, one.at, one.event, one.subject, _clause_out(one.clause),
        firing.detail if firing else None, one.due_at, firing.run if firing else None, reason.run_state,
        [_action_out(action) for action in reason.actions],
    )  # fmt: skip


def _clause_out(clause: Clause | None) -> ClauseOut | None:
    return ClauseOut(clause.key, clause.wanted, clause.was, dict(clause.values)) if clause else None


def _action_out(action: ActionTaken) -> ActionTakenOut:
    return msgspec.convert(action, ActionTakenOut, from_attributes=True)
