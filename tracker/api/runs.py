"""Runs: the workflows under way and at their ends, one of them step by step, and its cancelling."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api import parameters
from tracker.api.guards import caller, requires
from tracker.api.pending import Waiting
from tracker.api.refusals import DECIDING, ONE, READING
from tracker.api.run_schemas import MoveOut, OneRunOut, RunOut, TimerOut, run_fields, run_step_out
from tracker.api.schemas import ActionOut, AttemptOut, OneActionOut, Page
from tracker.api.words import Clock, Cursor, Limit, ProviderName
from tracker.domain.runs.run import Run
from tracker.errors import NotFound
from tracker.facts import commands
from tracker.process.run_steps import WHAT_COMES, steps_of
from tracker.queries import action_reports, run_reports
from tracker.queries.paging import write_cursor
from tracker.queries.run_reports import STATES, After, Filters
from tracker.rulebook.source import RuleSource
from tracker.store.database import Connection, Database, Row

NEWEST_FIRST = "-started_at"

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or several: {', '.join(STATES)}.")]
RunId = Annotated[UUID, PathParameter(description="The run's id.")]


@get("/runs", responses=READING, summary="Runs, the newest first")
async def list_runs(
    database: NamedDependency[Database],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    rule: Annotated[str | None, QueryParameter(description="The rule's id.")] = None,
    provider: ProviderName = None,
    post: Annotated[str | None, QueryParameter(description="The post's id.")] = None,
    since: Annotated[str | None, QueryParameter(description="Begun at this time or later.")] = None,
) -> Page[RunOut]:
    """Answers a page."""
    parameters.storable(rule=rule, provider=provider, post=post)
    after = parameters.cursor(cursor, NEWEST_FIRST, After)
    words = parameters.words("state", states, STATES)
    filters = Filters(words, rule, provider, post, parameters.moment("since", since))
    async with database.connection() as conn:
        found, following = await run_reports.list_runs(conn, filters, after, limit)
    items = [RunOut(**run_fields(run)) for run in found]
    return Page(items, write_cursor(NEWEST_FIRST, following))


@get("/runs/{id:str}", responses=ONE, summary="One run, step by step")
async def one_run(database: NamedDependency[Database], rules: NamedDependency[RuleSource], id: RunId) -> OneRunOut:
    """With every move that it made, and everything that it asked for."""
    async with database.connection() as conn:
        run = await run_reports.one_run(conn, id)
        if run is None:
            raise NotFound(f"there is no run {id}")
        return await _one(conn, run, rules)


@post(
    "/runs/{id:str}/cancel",
    status_code=202,
    guards=[requires("operate")],
    responses=DECIDING,
    summary="End it by hand",
)
async def cancel_run(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
    id: RunId,
) -> OneRunOut:
    """Only one that is active or queued, otherwise 409; it ends in a moment, with all that nobody has begun."""
    async with database.transaction() as conn:
        run = await commands.cancel_run(conn, id, caller(request).name, clock())
        return await _one(conn, run, rules)


async def _one(conn: Connection, run: Run, rules: RuleSource) -> OneRunOut:
    known = {rule.id: rule for rule in rules.rules()}
    rule, asked = known.get(run.rule), await run_reports.actions(conn, run.id)
    attempts = await action_reports.attempts_of(conn, [row["id"] for row in asked])
    what = WHAT_COMES.get(run.phase, "run")
    return OneRunOut(
        **run_fields(run),
        rule_now=rule.revision if rule else None,
        steps=[run_step_out(step) for step in steps_of(run, rule, asked)],
        moves=[MoveOut(row["number"], row["at"], row["said"]) for row in await run_reports.moves(conn, run.id)],
        actions=_actions(asked, attempts),
        timers=[
            TimerOut(row["due_at"], what, Waiting(known).timer(what, run.rule, row["meaning"]))
            for row in await run_reports.timers(conn, run.id)
        ],
    )


def _actions(asked: Sequence[Row], attempts: Sequence[Row]) -> list[OneActionOut]:
    made: Mapping[UUID, list[AttemptOut]] = defaultdict(list)
    for row in attempts:
        made[row["action"]].append(AttemptOut(**{name: row[name] for name in AttemptOut.__struct_fields__}))
    return [
        OneActionOut(
            **{name: row[name] for name in ActionOut.__struct_fields__}, payload=row["payload"], history=made[row["id"]]
        )
        for row in asked
    ]
