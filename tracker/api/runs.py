"""Runs: the workflows under way and at their ends, one of them step by step, and its cancelling."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api.auth import caller, requires
from tracker.api.parameters import Clock, Cursor, Limit, ProviderName
from tracker.api.responses import DECIDING, ONE, READING
from tracker.facts import commands
from tracker.queries import runs as queried
from tracker.queries.paging import Page
from tracker.queries.runs import STATES, OneRunOut, RunOut, RunQuery
from tracker.rulebook.source import RuleSource
from tracker.store.database import Database

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or several: {', '.join(STATES)}.")]
RunId = Annotated[UUID, PathParameter(description="The run's id.")]


@get("/runs", responses=READING, summary="Runs, the newest first")
async def list_runs(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    rule: Annotated[str | None, QueryParameter(description="The rule's id.")] = None,
    provider: ProviderName = None,
    post: Annotated[str | None, QueryParameter(description="The post's id.")] = None,
    since: Annotated[str | None, QueryParameter(description="Begun at this time or later.")] = None,
) -> Page[RunOut]:
    """Answers a page."""
    query = RunQuery.parse(clock(), state=states, rule=rule, provider=provider, post=post, since=since)
    async with database.connection() as conn:
        return await queried.list_runs(conn, query, cursor, limit)


@get("/runs/{id:str}", responses=ONE, summary="One run, step by step")
async def one_run(database: NamedDependency[Database], rules: NamedDependency[RuleSource], id: RunId) -> OneRunOut:
    """With every move that it made, and everything that it asked for."""
    async with database.connection() as conn:
        return await queried.one_run(conn, await queried.find_run(conn, id), rules.rules())


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
        return await queried.one_run(conn, run, rules.rules())
