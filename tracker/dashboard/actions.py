"""Actions: those that need somebody first, with what can be done about them, and then the rest."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.dashboard.overview import NEEDS_SOMEBODY
from tracker.dashboard.query import Query, address
from tracker.dashboard.rendering import Visit
from tracker.dashboard.session import Clock
from tracker.facts import commands
from tracker.queries.actions import STATES, ActionQuery, list_actions_with_attempts
from tracker.store.database import Database

ON_A_PAGE = 50
OTHERS = tuple(state for state in STATES if state not in NEEDS_SOMEBODY)

ActionId = Annotated[UUID, PathParameter()]


@get("/actions")
async def show_actions(visit: NamedDependency[Visit], database: NamedDependency[Database]) -> Response[Any]:
    """Without a filter, the dead and the doubtful stand before the others."""
    asked = Query(visit.request.query_params)
    states = asked.words("state", STATES)
    apart, rest_of = not states and asked.cursor is None, ActionQuery(states or OTHERS)
    async with database.connection() as conn:
        urgent = (
            (await list_actions_with_attempts(conn, ActionQuery(NEEDS_SOMEBODY), None, ON_A_PAGE)).items
            if apart
            else []
        )
        rest = await list_actions_with_attempts(conn, rest_of, asked.cursor, ON_A_PAGE)
    more = address("/actions", state=states, cursor=rest.next) if rest.next else None
    return visit.page(
        "actions", urgent=urgent, rest=rest.items, chosen=states, states=STATES, more=more,
        first=asked.cursor is None, apart=apart,
    )  # fmt: skip


@post("/actions/{action:uuid}/retry")
async def retry(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock], action: ActionId
) -> Response[Any]:
    """Attempt it once more."""
    visit.must_operate()
    async with database.transaction() as conn:
        await commands.retry_action(conn, action, clock())
    return await visit.back("retried")


@post("/actions/{action:uuid}/discard")
async def discard(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock], action: ActionId
) -> Response[Any]:
    """Never attempt it again."""
    visit.must_operate()
    async with database.transaction() as conn:
        await commands.discard_action(conn, action, clock())
    return await visit.back("discarded")
