"""Runs: the rules at work, one of them step by step, and its cancelling."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.dashboard.query import Query, address
from tracker.dashboard.rendering import Visit
from tracker.dashboard.session import Clock
from tracker.facts import commands
from tracker.queries.runs import STATES, RunQuery, find_run, list_runs, one_run, steps_of
from tracker.rulebook.source import RuleSource
from tracker.store.database import Database

ON_A_PAGE = 50

RunId = Annotated[UUID, PathParameter()]


@get("/runs")
async def show_runs(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock],
    rules: NamedDependency[RuleSource],
) -> Response[Any]:  # fmt: skip
    """The newest first, by state and rule."""
    asked = Query(visit.request.query_params)
    query = RunQuery.parse(clock(), state=asked.query.getall("state", []), rule=asked.text("rule"))
    async with database.connection() as conn:
        page = await list_runs(conn, query, asked.cursor, ON_A_PAGE)
    names = sorted({*(known.id for known in rules.rules()), *([query.rule] if query.rule else [])})
    more = address("/runs", state=query.states, rule=query.rule, cursor=page.next) if page.next else None
    return visit.page(
        "runs", runs=page.items, chosen=query.states, rule=query.rule, names=names, states=STATES, more=more,
        first=asked.cursor is None,
    )  # fmt: skip


@get("/runs/{run:uuid}")
async def show_run(
    visit: NamedDependency[Visit], database: NamedDependency[Database], rules: NamedDependency[RuleSource], run: RunId
) -> Response[Any]:
    """Its steps, what it asked for, and what it waits for."""
    async with database.connection() as conn:
        found = await find_run(conn, run)
        shown = await one_run(conn, found, rules.rules())
    rule = next((one for one in rules.rules() if one.id == found.rule), None)
    return visit.page("run", run=shown, steps=steps_of(found, rule, shown.actions))


@post("/runs/{run:uuid}/cancel")
async def cancel(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock], run: RunId
) -> Response[Any]:
    """End it, with all that nobody has begun."""
    by = visit.must_operate().name
    async with database.transaction() as conn:
        await commands.cancel_run(conn, run, by, clock())
    return await visit.back("cancelled")
