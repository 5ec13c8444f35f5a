"""The event log: pages of it, and one event."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api.auth import requires
from tracker.api.parameters import LARGEST_NUMBER, Cursor, Limit, ProviderName, Raw
from tracker.api.responses import ONE, READING
from tracker.queries import events as queried
from tracker.queries.events import EventOut, EventQuery, OneEventOut
from tracker.queries.paging import Page
from tracker.store.database import Database

MOST_RAW = 20
"""Bodies on one page: each may be as large as the door lets in."""

Position = Annotated[int, PathParameter(description="The event's place in the log.", ge=0, le=LARGEST_NUMBER)]


@get("/events", responses=READING, summary="The log, in the order of position")
async def list_events(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    provider_names: NamedDependency[tuple[str, ...]],
    limit: Limit = 50,
    cursor: Cursor = None,
    type: Annotated[str | None, QueryParameter(description="As in post.published.")] = None,
    post: Annotated[str | None, QueryParameter(description="The post's id.")] = None,
    provider: ProviderName = None,
    source: Annotated[
        str | None, QueryParameter(description="A provider, or action, manual, reconcile, rule, signal.")
    ] = None,
    after: Annotated[int | None, QueryParameter(description="Only later positions.", ge=0, le=LARGEST_NUMBER)] = None,
    sort: Annotated[str, QueryParameter(description="position, or -position for the newest first.")] = "position",
    raw: Raw = False,
) -> Page[EventOut]:
    """Events of transactions under way may still come in at positions just behind the last one shown.

    `GET /events/stream` misses none. Where few events match, a page may hold fewer than `limit`, even none, and `next`
    still goes on; with `raw=true` it holds 20 at most.
    """
    if raw:
        await requires("admin")(request, request.route_handler)
        limit = min(limit, MOST_RAW)
    query = EventQuery(type, post, provider, source, after, provider_names, sort).check()
    async with database.connection() as conn:
        return await queried.list_events(conn, query, cursor, limit, raw=raw)


@get("/events/{position:str}", responses=ONE, summary="One event")
async def one_event(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    position: Position,
    raw: Raw = False,
) -> OneEventOut:
    """With the deliveries that repeated it."""
    if raw:
        await requires("admin")(request, request.route_handler)
    async with database.connection() as conn:
        return await queried.one_event(conn, position, raw=raw)
