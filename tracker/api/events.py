"""The event log: pages of it, and one event."""

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api import parameters
from tracker.api.guards import requires
from tracker.api.refusals import ONE, READING
from tracker.api.schemas import EventOut, OneEventOut, Page, RawOut, RepeatOut, raw_out
from tracker.api.words import LARGEST_NUMBER, Cursor, Limit, ProviderName, Raw
from tracker.errors import NotFound
from tracker.queries import event_reports
from tracker.queries.event_reports import After, Filters
from tracker.queries.paging import write_cursor
from tracker.store.database import Database, Row

SORTS = ("position", "-position")
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
    parameters.storable(type=type, post=post, provider=provider, source=source)
    parameters.word("sort", sort, SORTS)
    begins = parameters.cursor(cursor, sort, After)
    if raw:
        await requires("admin")(request, request.route_handler)
        limit = min(limit, MOST_RAW)
    filters = Filters(type, post, provider, source, after, provider_names)
    async with database.connection() as conn:
        rows, following = await event_reports.list_events(conn, filters, sort == "-position", begins, limit)
        signed = await event_reports.signed(conn, [row["position"] for row in rows]) if raw else {}
    items = [EventOut(**_fields(row, signed)) for row in rows]
    return Page(items, write_cursor(sort, following))


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
        row = await event_reports.one_event(conn, position)
    if row is None:
        raise NotFound(f"there is no event at position {position}")
    repeated = [RepeatOut(**item) for item in row["repeated"]]
    return OneEventOut(**_fields(row, {position: row} if raw else {}), repeated=repeated)


def _fields(row: Row, signed: Mapping[int, Row]) -> dict[str, Any]:
    names = ("position", "source", "provider", "post", "part", "delivery", "occurred_at", "received_at", "conflict")
    told = signed.get(row["position"])
    raw: RawOut | None = raw_out(told) if told else None
    return {"type": row["kind"], "repeats": row["repeats"], "raw": raw} | {name: row[name] for name in names}
