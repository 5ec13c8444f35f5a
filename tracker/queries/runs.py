"""Workflows under way and at their ends: runs by filters, and one step by step with its moves, actions and timers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import func, select
from sqlmodel import col

from tracker.domain.rules.descriptions import step_in_words, verb_of
from tracker.domain.rules.step import Step, WhenStep
from tracker.domain.runs.run import Run, RunState
from tracker.parameters import parse_choices, parse_optional_time, refuse_zero_bytes
from tracker.queries.actions import OneActionOut, with_attempts
from tracker.queries.paging import AnySelect, EachOf, Keyset, Page, fetch, fetch_one, list_page, of_current_projection
from tracker.queries.pending import WHAT_COMES, Outlook
from tracker.store.tables.posts import Post
from tracker.store.tables.reactions import Action, RunMove, Timer
from tracker.store.tables.reactions import Run as Runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.queries.actions import ActionOut
    from tracker.store.database import Connection, Row

Place = tuple[str, int]
"""A branch, and the number of a step in it."""


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step, and the actions that it asked for; no `step`: the rule as it is now has none there.

    `state` is done, current, ahead, or left when the run will not come to it.
    """

    path: str
    step: Step | None
    state: str
    asked: Sequence[UUID]


def steps_of(run: Run, rule: Rule | None, asked: Sequence[ActionOut]) -> list[RunStep]:
    """The steps of `do` and of each branch; `asked` are the run's actions.

    A branch that the run did not go into is left out. Actions of steps that the rule no longer has stand at the end.
    """
    ids: dict[str, list[UUID]] = defaultdict(list)
    for action in asked:
        ids[_path_of(action)].append(action.id)
    known = dict(rule.steps_by_path()) if rule else {}
    entered = {_place(path)[0] for path in ids} | {"do", run.branch}
    furthest = _furthest([_place(path) for path in ids])
    left_out = {place for path in run.left_out for place in _guarded(path, known.get(path))}
    steps = [
        RunStep(path, step, "left" if _place(path) in left_out else _state(run, path, furthest), ids.get(path, ()))
        for path, step in known.items()
        if _place(path)[0] in entered
    ]
    return steps + [RunStep(path, None, "done", ids[path]) for path in ids if path not in known]


def _state(run: Run, path: str, furthest: Mapping[str, int]) -> str:
    branch, number = _place(path)
    if branch != run.branch:
        return "done" if number <= furthest.get(branch, -1) else "left"
    if number < run.step:
        return "done"
    if run.state is not RunState.ACTIVE:
        return "ahead" if run.state is RunState.QUEUED else "left"
    return "current" if number == run.step else "ahead"


def _guarded(path: str, step: Step | None) -> list[Place]:
    """The steps that a condition guards."""
    branch, number = _place(path)
    return [(branch, number + 1 + n) for n in range(step.guarded)] if isinstance(step, WhenStep) else []


def _furthest(places: Sequence[Place]) -> dict[str, int]:
    """How far each branch has come, as far as what was asked for tells."""
    found: dict[str, int] = {}
    for branch, number in places:
        found[branch] = max(number, found.get(branch, -1))
    return found


def _path_of(action: ActionOut) -> str:
    """The step that asked for the action: the second part of its key."""
    return action.idempotency_key.split(":")[1]


def _place(path: str) -> Place:
    branch, _, number = path.rpartition(".")
    return branch or "do", int(number) if number.isdigit() else 0


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
    unacknowledged: Annotated[bool, Meta(description="Somebody may still acknowledge what it has told.")]
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
        "unacknowledged": run.is_unacknowledged,
        "step": run.path,
    }


def run_step_out(step: RunStep) -> RunStepOut:
    """A step of a run as it is shown."""
    known = step.step
    says = step_in_words(known) if known else "a step that the rule no longer has"
    return RunStepOut(step.path, verb_of(known) if known else None, says, step.state, list(step.asked))


STATES = tuple(str(state) for state in RunState)
MOST_SHOWN = 500
"""Moves and actions of one run."""
CLOCKS = timedelta(days=1)
"""By so much the clocks of those who wrote a run and its actions down may disagree."""

NEWEST_FIRST = Keyset("-started_at", tuple[datetime, UUID], col(Runs.started_at), (col(Runs.id),))


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs: all must hold; `since` bounds the beginning."""

    states: Sequence[str] = ()
    rule: str | None = None
    provider: str | None = None
    post: str | None = None
    since: datetime | None = None

    @classmethod
    def parse(
        cls, now: datetime, *, state: Sequence[str] | None = None, since: str | None = None, **texts: str | None
    ) -> RunQuery:
        """The filters as people write them; `now` is what "ago" counts from. Raises BadParameter."""
        refuse_zero_bytes(**texts)
        begin = parse_optional_time("since", since, now)
        return cls(parse_choices("state", state, STATES), since=begin, **{k: v or None for k, v in texts.items()})


async def list_runs(conn: Connection, query: RunQuery, cursor: str | None = None, limit: int = 50) -> Page[RunOut]:
    """A page of runs, the newest first."""
    each = EachOf(col(Runs.state), query.states) if query.states else None
    return await list_page(conn, chosen(query), NEWEST_FIRST, cursor, limit, _run_out, each=each)


def chosen(query: RunQuery) -> AnySelect:
    """The runs that the query is about, in whatever state."""
    where = [getattr(Runs, name) == value for name in ("rule", "provider", "post") if (value := getattr(query, name))]
    if query.since is not None:
        where.append(col(Runs.started_at) >= query.since)
    if query.post and not query.provider:  # the index on (provider, post) needs the providers' names
        of_that_id = select(col(Post.provider)).where(of_current_projection(), col(Post.post) == query.post)
        where.append(col(Runs.provider) == func.any(func.array(of_that_id.scalar_subquery())))
    return select(col(Runs.data), col(Runs.started_at), col(Runs.id)).where(*where)


async def find_run(conn: Connection, run: UUID) -> Run:
    """The run as it is now; raises NotFound."""
    row = await fetch_one(conn, select(col(Runs.data)).where(col(Runs.id) == run), f"run {run}")
    return Run.from_data(row["data"])


async def one_run(conn: Connection, run: Run, rules: Sequence[Rule]) -> OneRunOut:
    """The run with every move that it made and everything that it asked for; `rules` are those in force."""
    known = {rule.id: rule for rule in rules}
    rule = known.get(run.rule)
    asked = await fetch(conn, newest_actions(run.id, run.provider, run.post, run.started_at))
    actions = await with_attempts(conn, asked[::-1])
    what, outlook = WHAT_COMES.get(run.phase, "run"), Outlook(known)
    return OneRunOut(
        **run_fields(run),
        rule_now=rule.revision if rule else None,
        steps=[run_step_out(step) for step in steps_of(run, rule, actions)],
        moves=[
            MoveOut(row["number"], row["at"], row["said"]) for row in (await fetch(conn, newest_moves(run.id)))[::-1]
        ],
        actions=actions,
        timers=[
            TimerOut(row["due_at"], what, outlook.of_run(run, row["meaning"], row["due_at"]))
            for row in await fetch(conn, timers_of(run.id))
        ],
    )


def newest_moves(run: UUID) -> AnySelect:
    """The last moves of the run, the last one first."""
    return select(RunMove).where(col(RunMove.run) == run).order_by(col(RunMove.number).desc()).limit(MOST_SHOWN)


def newest_actions(run: UUID, provider: str, post: str | None, began: datetime) -> AnySelect:
    """The last actions that the run asked for, the last one first: they are about its post, and no older than it is."""
    order = (col(Action.created_at).desc(), col(Action.id))
    about = (col(Action.provider) == provider, col(Action.post) == post, col(Action.created_at) >= began - CLOCKS)
    return select(Action).where(*about, col(Action.run) == run).order_by(*order).limit(MOST_SHOWN)


def timers_of(run: UUID) -> AnySelect:
    """What the run waits for on the clock."""
    return select(col(Timer.due_at), col(Timer.meaning)).where(col(Timer.run) == run).order_by(col(Timer.due_at))


def _run_out(row: Row) -> RunOut:
    return RunOut(**run_fields(Run.from_data(row["data"])))
