"""Actions: what we do to the world, each attempt at it, and the two things a person can do about one."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api import parameters
from tracker.api.guards import requires
from tracker.api.refusals import DECIDING, ONE, READING
from tracker.api.schemas import ActionOut, AttemptOut, OneActionOut, Page, action_fields, action_out
from tracker.api.words import Clock, Cursor, Limit, ProviderName
from tracker.errors import NotFound
from tracker.facts import own_facts
from tracker.queries import action_reports
from tracker.queries.action_reports import STATES, After, Filters
from tracker.queries.paging import write_cursor
from tracker.store.database import Connection, Database

NEWEST_FIRST = "actions -created_at"

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or several: {', '.join(STATES)}.")]

ActionId = Annotated[UUID, PathParameter(description="The action's id.")]


@get("/actions", responses=READING, summary="Actions, the newest first")
async def list_actions(
    database: NamedDependency[Database],
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
    parameters.storable(verb=verb, target=target, rule=rule, provider=provider, post=post, reason=reason)
    after = parameters.cursor(cursor, NEWEST_FIRST, After)
    filters = Filters(
        parameters.words("state", states, STATES), verb, target, rule, provider, post, reason,
        parameters.moment("since", since), parameters.moment("until", until), redelivery,
    )  # fmt: skip
    async with database.connection() as conn:
        rows, following = await action_reports.list_actions(conn, filters, after, limit)
    items = [action_out(row) for row in rows]
    return Page(items, write_cursor(NEWEST_FIRST, following))


@get("/actions/{id:str}", responses=ONE, summary="One action with its attempts")
async def one_action(database: NamedDependency[Database], id: ActionId) -> OneActionOut:
    """Requests and answers are shown without secrets."""
    async with database.connection() as conn:
        return await shown_action(conn, id)


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
        await own_facts.retry_by_hand(conn, id, clock())
        return await shown_action(conn, id)


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
        await own_facts.discard_by_hand(conn, id, clock())
        return await shown_action(conn, id)


async def shown_action(conn: Connection, action: UUID) -> OneActionOut:
    """The action with its attempts; raises NotFound."""
    found = await action_reports.one_action(conn, action)
    if found is None:
        raise NotFound(f"there is no action {action}")
    row, attempts = found
    history = [AttemptOut(**{name: attempt[name] for name in AttemptOut.__struct_fields__}) for attempt in attempts]
    return OneActionOut(**action_fields(row), payload=row["payload"], history=history)
