"""Actions: what we do to the world, each attempt at it, and the two things a person can do about one."""

from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import PathParameter

from tracker.api.handlers import DECIDING, ONE, READING, Cursor, Db, Limit, Now, ProviderName, command, state_in, text
from tracker.domain.actions import POLICIES
from tracker.facts import commands
from tracker.queries import actions as queried
from tracker.queries.actions import STATES, ActionOut, ActionQuery, OneActionOut
from tracker.queries.paging import Page

States = Annotated[list[str] | None, state_in(STATES)]

ActionId = Annotated[UUID, PathParameter(description="The action's id.")]


@get("/actions", responses=READING, summary="Actions, the newest first")
async def list_actions(
    database: Db,
    now: Now,
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    verb: Annotated[str | None, text(f"One of {', '.join(POLICIES)}.")] = None,
    target: Annotated[str | None, text("A channel, an endpoint or a provider.")] = None,
    rule: Annotated[str | None, text("The rule that asked for it.")] = None,
    provider: ProviderName = None,
    post: Annotated[str | None, text("The post's id.")] = None,
    reason: Annotated[str | None, text("Why its last attempt ended so, as in timeout.")] = None,
    since: Annotated[str | None, text("Asked for at this time or later.")] = None,
    until: Annotated[str | None, text("Asked for before this time.")] = None,
    plan: Annotated[UUID | None, text("What this plan has ordered.")] = None,
) -> Page[ActionOut]:
    """Answers a page."""
    query = ActionQuery.parse(
        now, state=states, verb=verb, target=target, rule=rule, provider=provider, post=post, reason=reason,
        since=since, until=until, plan=plan,
    )  # fmt: skip
    async with database.connection() as conn:
        return await queried.list_actions(conn, query, cursor, limit)


@get("/actions/{id:str}", responses=ONE, summary="One action with its attempts")
async def one_action(database: Db, id: ActionId) -> OneActionOut:
    """Requests and answers are shown without secrets."""
    async with database.connection() as conn:
        return await queried.one_action(conn, id)


@command("/actions/{id:str}/retry", DECIDING, "Attempt it once more")
async def retry_action(database: Db, now: Now, id: ActionId) -> OneActionOut:
    """Only one that is dead, unknown or discarded; otherwise 409."""
    async with database.transaction() as conn:
        await commands.retry_action(conn, id, now)
        return await queried.one_action(conn, id)


@command("/actions/{id:str}/discard", DECIDING, "Never attempt it again")
async def discard_action(database: Db, now: Now, id: ActionId) -> OneActionOut:
    """Only one that is pending, dead or unknown; otherwise 409."""
    async with database.transaction() as conn:
        await commands.discard_action(conn, id, now)
        return await queried.one_action(conn, id)
