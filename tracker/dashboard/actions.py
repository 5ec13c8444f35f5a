"""Actions: those that need somebody first, with what can be done about them, and then the rest."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.dashboard import timeline
from tracker.dashboard.asked import Asked, address
from tracker.dashboard.lookout import NEEDS_SOMEBODY
from tracker.dashboard.rendering import Visit
from tracker.dashboard.visitor import Clock
from tracker.facts import own_facts
from tracker.queries import action_reports
from tracker.queries.action_reports import STATES, After, Filters
from tracker.queries.paging import write_cursor
from tracker.store.database import Database

NEWEST_FIRST = "-created_at"
ON_A_PAGE = 50
OTHERS = tuple(state for state in STATES if state not in NEEDS_SOMEBODY)

ActionId = Annotated[UUID, PathParameter()]


@get("/actions")
async def show_actions(visit: NamedDependency[Visit], database: NamedDependency[Database]) -> Response[Any]:
    """Without a filter, the dead and the doubtful stand before the others."""
    asked = Asked(visit.request.query_params)
    states, after = asked.words("state", STATES), asked.cursor(NEWEST_FIRST, After)
    apart = not states and after is None
    async with database.connection() as conn:
        urgent, _ = await action_reports.list_actions(conn, Filters(NEEDS_SOMEBODY), None, ON_A_PAGE if apart else 0)
        rest, following = await action_reports.list_actions(conn, Filters(states or OTHERS), after, ON_A_PAGE)
        attempts = await action_reports.attempts_of(conn, [row["id"] for row in (*urgent, *rest)])
    more = address("/actions", state=states, cursor=write_cursor(NEWEST_FIRST, following)) if following else None
    return visit.page(
        "actions", urgent=urgent, rest=rest, attempts=timeline.by_action(attempts), chosen=states, states=STATES,
        more=more, first=after is None, apart=apart,
    )  # fmt: skip


@post("/actions/{action:uuid}/retry")
async def retry(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock], action: ActionId
) -> Response[Any]:
    """Attempt it once more."""
    visit.must_operate()
    async with database.transaction() as conn:
        await own_facts.retry_by_hand(conn, action, clock())
    return await visit.back("retried")


@post("/actions/{action:uuid}/discard")
async def discard(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock], action: ActionId
) -> Response[Any]:
    """Never attempt it again."""
    visit.must_operate()
    async with database.transaction() as conn:
        await own_facts.discard_by_hand(conn, action, clock())
    return await visit.back("discarded")
