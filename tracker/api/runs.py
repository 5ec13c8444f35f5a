"""Runs: the workflows under way and at their ends, one of them step by step, its cancelling and acknowledging."""

from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import PathParameter

from tracker.api.handlers import (
    DECIDING,
    ONE,
    READING,
    By,
    Cursor,
    Db,
    Limit,
    Now,
    ProviderName,
    Rules,
    command,
    state_in,
    text,
)
from tracker.facts import commands
from tracker.queries import runs as queried
from tracker.queries.paging import Page
from tracker.queries.runs import STATES, OneRunOut, RunOut, RunQuery

States = Annotated[list[str] | None, state_in(STATES)]
RunId = Annotated[UUID, PathParameter(description="The run's id.")]


@get("/runs", responses=READING, summary="Runs, the newest first")
async def list_runs(
    database: Db,
    now: Now,
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    rule: Annotated[str | None, text("The rule's id.")] = None,
    provider: ProviderName = None,
    post: Annotated[str | None, text("The post's id.")] = None,
    since: Annotated[str | None, text("Begun at this time or later.")] = None,
) -> Page[RunOut]:
    """Answers a page."""
    query = RunQuery.parse(now, state=states, rule=rule, provider=provider, post=post, since=since)
    async with database.connection() as conn:
        return await queried.list_runs(conn, query, cursor, limit)


@get("/runs/{id:str}", responses=ONE, summary="One run, step by step")
async def one_run(database: Db, rules: Rules, id: RunId) -> OneRunOut:
    """With every move that it made, and everything that it asked for."""
    async with database.connection() as conn:
        return await queried.one_run(conn, await queried.find_run(conn, id), rules.rules())


@command("/runs/{id:str}/acknowledge", DECIDING, "Say that somebody sees to what it has told", 202)
async def acknowledge_run(by: By, database: Db, now: Now, rules: Rules, id: RunId) -> OneRunOut:
    """It goes on in a moment, and repeats no alert; 409 where nothing of it is to be acknowledged (any more)."""
    async with database.transaction() as conn:
        run = await commands.acknowledge(conn, id, by, now)
        return await queried.one_run(conn, run, rules.rules())


@command("/runs/{id:str}/cancel", DECIDING, "End it by hand", 202)
async def cancel_run(by: By, database: Db, now: Now, rules: Rules, id: RunId) -> OneRunOut:
    """Only one that is active or queued, otherwise 409; it ends in a moment, with all that nobody has begun."""
    async with database.transaction() as conn:
        run = await commands.cancel_run(conn, id, by, now)
        return await queried.one_run(conn, run, rules.rules())
