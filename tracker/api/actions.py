"""Actions: what we do to the world, each attempt at it, and the two things a person can do about one."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api.auth import requires
from tracker.api.parameters import Clock, Cursor, Limit, ProviderName
from tracker.api.responses import DECIDING, ONE, READING
from tracker.facts import commands
from tracker.queries import actions as queried
from tracker.queries.actions import STATES, ActionOut, ActionQuery, OneActionOut
from tracker.queries.paging import Page
from tracker.store.database import Database

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or several: {', '.join(STATES)}.")]

ActionId = Annotated[UUID, PathParameter(description="The action's id.")]


@get("/actions", responses=READING, summary="Actions, the newest first")
async def list_actions(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    verb: Annotated[str | None, QueryParameter(description="alert, send, retry or reconcile.")] = None,
    target: Annotated[str | None, QueryParameter(description="A channel, an endpoint or a provider.")] = None,
    rule: Annotated[str | None, QueryParameter(description="The rule that asked for it.")] = None,
    provider: ProviderName = None,
    post: Annotated[str | None, QueryParameter(description="The post's id.")] = None,
    reason: Annotated[str | None, QueryParameter(description="Why its last attempt ended so, as in timeout.")] = None,
    since: Annotated[str | None, QueryParameter(description="Asked for at this time or later.")] = None,
    until: Annotated[str | None, QueryParameter(description="Asked for before this time.")] = None,
    redelivery: Annotated[UUID | None, QueryParameter(description="What this redelivery has done once more.")] = None,
) -> Page[ActionOut]:
    """Answers a page."""
    query = ActionQuery.parse(
        clock(), state=states, verb=verb, target=target, rule=rule, provider=provider, post=post, reason=reason,
        since=since, until=until, redelivery=redelivery,
    )  # fmt: skip
    async with database.connection() as conn:
        return await queried.list_actions(conn, query, cursor, limit)


@get("/actions/{id:str}", responses=ONE, summary="One action with its attempts")
async def one_action(database: NamedDependency[Database], id: ActionId) -> OneActionOut:
    """Requests and answers are shown without secrets."""
    async with database.connection() as conn:
        return await queried.one_action(conn, id)


@post(
    "/actions/{id:str}/retry",
    status_code=200,
    guards=[requires("operate")],
    responses=DECIDING,
    summary="Attempt it once more",
)
async def retry_action(
    database: NamedDependency[Database], clock: NamedDependency[Clock], id: ActionId
) -> OneActionOut:
    """Only one that is dead, unknown or discarded; otherwise 409."""
    async with database.transaction() as conn:
        await commands.retry_action(conn, id, clock())
        return await queried.one_action(conn, id)


@post(
    "/actions/{id:str}/discard",
    status_code=200,
    guards=[requires("operate")],
    responses=DECIDING,
    summary="Never attempt it again",
)
async def discard_action(
    database: NamedDependency[Database], clock: NamedDependency[Clock], id: ActionId
) -> OneActionOut:
    """Only one that is pending, dead or unknown; otherwise 409."""
    async with database.transaction() as conn:
        await commands.discard_action(conn, id, clock())
        return await queried.one_action(conn, id)
