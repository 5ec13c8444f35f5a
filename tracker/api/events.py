"""The event log: pages of it, and one event."""

from base64 import b64encode
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api import parameters
from tracker.api.guards import requires
from tracker.api.refusals import ONE, READING
from tracker.api.schemas import EventOut, OneEventOut, Page, RawOut, RepeatOut
from tracker.api.words import Cursor, Limit, ProviderName
from tracker.errors import NotFound
from tracker.store import event_reports
from tracker.store.database import Database, Row
from tracker.store.event_reports import After, Filters
from tracker.store.paging import write_cursor

SORTS = ("position", "-position")
LARGEST_POSITION = 2**63 - 1

Raw = Annotated[bool, QueryParameter(description="With headers and body as they were signed (admin).")]
Position = Annotated[int, PathParameter(description="The event's place in the log.", ge=0, le=LARGEST_POSITION)]


@get("/events", responses=READING, summary="The log, in the order of position")
async def list_events(
    database: NamedDependency[Database],
    provider_names: NamedDependency[tuple[str, ...]],
    limit: Limit = 50,
    cursor: Cursor = None,
    type: Annotated[str | None, QueryParameter(description="As in post.published.")] = None,
    post: Annotated[str | None, QueryParameter(description="The post's id.")] = None,
    provider: ProviderName = None,
    source: Annotated[str | None, QueryParameter(description="A provider, or action, manual, reconcile.")] = None,
    after: Annotated[int | None, QueryParameter(description="Only later positions.", ge=0, le=LARGEST_POSITION)] = None,
    sort: Annotated[str, QueryParameter(description="position, or -position for the newest first.")] = "position",
) -> Page[EventOut]:
    """Events of transactions under way may still come in at positions just behind the last one shown."""
    parameters.storable(type=type, post=post, provider=provider, source=source)
    parameters.word("sort", sort, SORTS)
    begins = parameters.cursor(cursor, sort, After)
    filters = Filters(type, post, provider, source, after, provider_names)
    async with database.connection() as conn:
        rows, following = await event_reports.list_events(conn, filters, sort == "-position", begins, limit)
    return Page([EventOut(**_fields(row)) for row in rows], write_cursor(sort, following) if following else None)


@get("/events/{position:int}", responses=ONE, summary="One event")
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
    return OneEventOut(**_fields(row), repeated=repeated, raw=_raw(row) if raw else None)


def _fields(row: Row) -> dict[str, Any]:
    names = ("position", "source", "provider", "post", "part", "delivery", "occurred_at", "received_at", "conflict")
    return {"type": row["kind"], "repeats": row["repeats"]} | {name: row[name] for name in names}


def _raw(row: Row) -> RawOut:
    body: bytes = row["body"]
    try:
        return RawOut(row["headers"], body.decode(), "utf-8", row["body_hash"].hex())
    except UnicodeDecodeError:
        return RawOut(row["headers"], b64encode(body).decode(), "base64", row["body_hash"].hex())
