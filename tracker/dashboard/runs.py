"""Runs: the rules at work, one of them step by step, and its cancelling."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.dashboard import timeline
from tracker.dashboard.asked import Asked, address
from tracker.dashboard.rendering import Visit
from tracker.dashboard.visitor import Clock
from tracker.errors import NotFound
from tracker.facts import commands
from tracker.process.run_steps import WHAT_COMES, steps_of
from tracker.queries import action_reports, run_reports
from tracker.queries.paging import write_cursor
from tracker.queries.run_reports import STATES, After, Filters
from tracker.rulebook.source import RuleSource
from tracker.store.database import Database

NEWEST_FIRST = "-started_at"
ON_A_PAGE = 50

RunId = Annotated[UUID, PathParameter()]


@get("/runs")
async def show_runs(
    visit: NamedDependency[Visit], database: NamedDependency[Database], rules: NamedDependency[RuleSource]
) -> Response[Any]:
    """The newest first, by state and rule."""
    asked = Asked(visit.request.query_params)
    states, rule = asked.words("state", STATES), asked.text("rule")
    after = asked.cursor(NEWEST_FIRST, After)
    async with database.connection() as conn:
        runs, following = await run_reports.list_runs(conn, Filters(states, rule), after, ON_A_PAGE)
    cursor = write_cursor(NEWEST_FIRST, following)
    names = sorted({*(known.id for known in rules.rules()), *([rule] if rule else [])})
    return visit.page(
        "runs", runs=runs, chosen=states, rule=rule, names=names, states=STATES, first=after is None,
        more=address("/runs", state=states, rule=rule, cursor=cursor) if cursor else None,
    )  # fmt: skip


@get("/runs/{run:uuid}")
async def show_run(
    visit: NamedDependency[Visit], database: NamedDependency[Database], rules: NamedDependency[RuleSource], run: RunId
) -> Response[Any]:
    """Its steps, what it asked for, and what it waits for."""
    async with database.connection() as conn:
        found = await run_reports.one_run(conn, run)
        if found is None:
            raise NotFound(f"there is no run {run}")
        asked, timers = await run_reports.actions(conn, run), await run_reports.timers(conn, run)
        moves = await run_reports.moves(conn, run)
        attempts = await action_reports.attempts_of(conn, [row["id"] for row in asked])
    rule = next((one for one in rules.rules() if one.id == found.rule), None)
    return visit.page(
        "run", run=found, rule=rule, steps=steps_of(found, rule, asked), actions=asked,
        attempts=timeline.by_action(attempts), timers=timers, waits_for=WHAT_COMES.get(found.phase, "run"), moves=moves,
    )  # fmt: skip


@post("/runs/{run:uuid}/cancel")
async def cancel(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock], run: RunId
) -> Response[Any]:
    """End it, with all that nobody has begun."""
    by = visit.must_operate().name
    async with database.transaction() as conn:
        await commands.cancel_run(conn, run, by, clock())
    return await visit.back("cancelled")
