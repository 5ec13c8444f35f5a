"""Why: for a post and each rule, what the rule did about it, or why it did nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tracker.domain.posts.post import Post, view
from tracker.domain.runs.engine_state import Firing
from tracker.rulebook.explain import Story, explain
from tracker.rulebook.explanations import OFF, Clause, Explanation, moment, on_record
from tracker.store.reactions import rule_book, timers
from tracker.store.reactions.runs import firing_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tracker.domain.posts.change import Change
    from tracker.domain.rules.rule import Rule
    from tracker.domain.runs.engine_state import Identity
    from tracker.store.database import Connection

MOST_FIRINGS = 500
MOST_ACTIONS = 500

FIRINGS = """
select f.rule, f.key, f.cause, f.revision, f.outcome, f.detail, f.provider, f.post, f.run, f.fired_at, f.occurred_at,
       r.state as run_state, r.data->>'why' as run_why, r.data->'left_out' as left_out
  from firings f left join runs r on r.id = f.run
 where f.provider = $1 and f.post = $2 and ($3::text is null or f.rule = $3)
 order by f.fired_at desc
 limit $4
"""

ACTIONS = """
select a.run, a.id, a.verb, a.target, a.state, a.reason, a.hidden_by, a.due_at, a.created_at, a.finished_at
  from runs r
 cross join lateral (
       select * from actions where provider = r.provider and post = r.post and run = r.id
        union all
       select * from actions
        where r.post is null and provider = r.provider and post is null and run = r.id
          and created_at >= r.started_at - interval '1 day') a
 where r.id = any($1::uuid[])
 order by a.created_at desc, a.id
 limit $2
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A firing, and how its run stands, with what it left out by step; retention may have dropped the run."""

    firing: Firing
    run_state: str | None
    run_why: str | None
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ActionTaken:
    """An action of a run, and what it came to; `hidden_by` is what kept it from people."""

    run: UUID
    id: UUID
    verb: str
    target: str
    state: str
    reason: str | None
    hidden_by: str | None
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None


async def firings_about(conn: Connection, provider: str, post: str, rule: str | None) -> list[Recorded]:
    """The last firings about the post, of one rule or of all, the newest first."""
    rows = await conn.fetch(FIRINGS, provider, post, rule, MOST_FIRINGS)
    return [Recorded(firing_of(row), row["run_state"], row["run_why"], row["left_out"] or {}) for row in rows]


async def actions_of(conn: Connection, runs: Collection[UUID]) -> list[ActionTaken]:
    """What these runs have asked for, the first one first."""
    rows = await conn.fetch(ACTIONS, list(runs), MOST_ACTIONS) if runs else []
    return [ActionTaken(*row) for row in reversed(rows)]


MOST_CHANGES = 200
"""How far back a post's changes are looked at; firings on record are told in any case."""

MOST_REASONS = 50
GONE = Explanation(OFF, "no file has a rule of that name any more")


@dataclass(frozen=True, slots=True)
class Reason:
    """What a rule made of one thing that happened; for a firing, how its run stands and what it asked for."""

    explanation: Explanation
    run_state: str | None = None
    actions: Sequence[ActionTaken] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a rule made of a post, the most telling first; no `revision`: no file has the rule any more."""

    rule: str
    revision: str | None
    reasons: Sequence[Reason]

    @property
    def reacted(self) -> bool:
        """Whether anything of it is on record for the post."""
        return self.reasons[0].explanation.firing is not None


async def why(
    conn: Connection, known: Sequence[Change], post: Post, rules: Sequence[Rule], now: datetime, only: str | None
) -> list[Answer]:
    """What each rule (or `only` one) made of the post; what fired comes first, then what came closest.

    `known` is all that changed the post.
    """
    recorded = await firings_about(conn, post.provider, post.id, only)
    runs = {one.firing.run for one in recorded if one.firing.run}
    taken: dict[UUID, list[ActionTaken]] = defaultdict(list)
    for action in await actions_of(conn, runs):
        taken[action.run].append(action)
    switches = await rule_book.switches_by_rule(conn)
    wanted = [rule for rule in rules if only in (None, rule.id)]
    revisions = {rule.id: rule.revision for rule in wanted}
    armed = await timers.armed_revisions(conn)
    story = Story(
        known[-MOST_CHANGES:],
        view(post),
        {one.firing.identity: one.firing for one in recorded},
        now,
        {name: since for name, (revision, since) in armed.items() if revision == revisions.get(name)},
        await timers.there_since(conn),
    )
    switched = [replace(rule, enabled=switches[rule.id].enabled) if rule.id in switches else rule for rule in wanted]
    told = await asyncio.to_thread(explain, switched, story)
    for firing in story.firings.values():
        if firing.rule not in revisions:
            told.setdefault(firing.rule, [GONE]).insert(-1, on_record(firing, ""))
    kept = {one.firing.identity: one for one in recorded}
    answers = [
        Answer(name, revisions.get(name), [_reason(one, kept, taken) for one in reasons[:MOST_REASONS]])
        for name, reasons in told.items()
    ]
    return sorted(answers, key=lambda answer: (answer.reasons[0].explanation.rank, answer.rule))


def _reason(
    one: Explanation, recorded: Mapping[Identity, Recorded], taken: Mapping[UUID, Sequence[ActionTaken]]
) -> Reason:
    if one.firing is None:
        return Reason(one, text=one.text)
    kept = recorded[one.firing.identity]
    actions = taken.get(one.firing.run, ()) if one.firing.run else ()
    return Reason(one, kept.run_state, actions, _told(one, kept, actions))


def _told(one: Explanation, kept: Recorded, actions: Iterable[ActionTaken]) -> str:
    """The whole of it in one sentence."""
    said = [f"{one.text}{f' on {one.event}' if one.event else ''}"]
    if kept.run_state:
        said.append(f"its run is {kept.run_state}{f' ({kept.run_why})' if kept.run_why else ''}")
    left_out = [f"step {path} was left out: {why}" for path, why in kept.left_out.items()]
    return "; ".join([*said, *left_out, *map(_came_to, actions)])


def _came_to(action: ActionTaken) -> str:
    what = f"{action.verb} {action.target}"
    match action.state:
        case "hidden":
            return f"{what} was kept from people: {action.hidden_by}"
        case "shadow":
            return f"{what} was only noted: the rule is a canary"
        case "pending":
            return f"{what} is due at {moment(action.due_at)}"
        case "claimed":
            return f"{what} is under way"
    reason = f" ({action.reason})" if action.reason not in (None, "ok") else ""
    return f"{what} is {action.state}{reason}"


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
