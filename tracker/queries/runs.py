"""Workflows under way and at their ends: runs by filters, and one step by step with its moves, actions and timers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from tracker.domain.runs.run import Run, RunState
from tracker.errors import NotFound
from tracker.parameters import parse_choices, parse_optional_time, refuse_zero_bytes
from tracker.queries.actions import with_attempts
from tracker.queries.paging import AnySelect, EachOf, Keyset, Page, fetch, list_page
from tracker.queries.pending import Waiting
from tracker.queries.posts import of_current_projection
from tracker.queries.run_steps import WHAT_COMES, steps_of
from tracker.queries.run_views import MoveOut, OneRunOut, RunOut, TimerOut, run_fields, run_step_out
from tracker.store.tables.posts import Post
from tracker.store.tables.reactions import Action, RunMove, Timer
from tracker.store.tables.reactions import Run as Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.domain.rules.rule import Rule
    from tracker.store.database import Connection, Row

STATES = tuple(str(state) for state in RunState)
MOST_SHOWN = 500
"""Moves and actions of one run."""

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
        """As people write it; `now` is what "ago" counts from. Raises BadParameter."""
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
    rows = await fetch(conn, select(col(Runs.data)).where(col(Runs.id) == run))
    if not rows:
        raise NotFound(f"there is no run {run}")
    return Run.from_data(rows[0]["data"])


async def one_run(conn: Connection, run: Run, rules: Sequence[Rule]) -> OneRunOut:
    """The run with every move that it made and everything that it asked for; `rules` are those in force."""
    known = {rule.id: rule for rule in rules}
    rule = known.get(run.rule)
    actions = await with_attempts(conn, (await fetch(conn, newest_actions(run.id)))[::-1])
    what, waiting = WHAT_COMES.get(run.phase, "run"), Waiting(known)
    return OneRunOut(
        **run_fields(run),
        rule_now=rule.revision if rule else None,
        steps=[run_step_out(step) for step in steps_of(run, rule, actions)],
        moves=[
            MoveOut(row["number"], row["at"], row["said"]) for row in (await fetch(conn, newest_moves(run.id)))[::-1]
        ],
        actions=actions,
        timers=[
            TimerOut(row["due_at"], what, waiting.timer(what, run.rule, row["meaning"]))
            for row in await fetch(conn, timers_of(run.id))
        ],
    )


def newest_moves(run: UUID) -> AnySelect:
    """The last moves of the run, the last one first."""
    return select(RunMove).where(col(RunMove.run) == run).order_by(col(RunMove.number).desc()).limit(MOST_SHOWN)


def newest_actions(run: UUID) -> AnySelect:
    """The last actions that the run asked for, the last one first."""
    order = (col(Action.created_at).desc(), col(Action.id))
    return select(Action).where(col(Action.run) == run).order_by(*order).limit(MOST_SHOWN)


def timers_of(run: UUID) -> AnySelect:
    """What the run waits for on the clock."""
    return select(col(Timer.due_at), col(Timer.meaning)).where(col(Timer.run) == run).order_by(col(Timer.due_at))


def _run_out(row: Row) -> RunOut:
    return RunOut(**run_fields(Run.from_data(row["data"])))
