"""The quarantine: what could not be taken into the log, tried again or given up."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api import parameters
from tracker.api.guards import requires
from tracker.api.quarantine_schemas import OneQuarantinedOut, QuarantinedOut, VerdictOut, held_fields
from tracker.api.refusals import DECIDING, ONE, READING
from tracker.api.schemas import Page, raw_out
from tracker.api.words import LARGEST_NUMBER, Cursor, DryRun, Limit, ProviderName, Raw
from tracker.errors import NotFound
from tracker.queries.paging import write_cursor
from tracker.receive.quarantine_replay import Replay
from tracker.store.database import Database
from tracker.store.log import quarantine
from tracker.store.log.quarantine import STATES, After, Filters

NEWEST_FIRST = "quarantine -id"

States = Annotated[
    list[str] | None,
    QueryParameter(
        name="state",
        description=f"One or several, with commas or repeated: {', '.join(STATES)}; without it, only what is held.",
    ),
]
Reason = Annotated[
    str | None, QueryParameter(description="The code of what was wrong, as in not_json or signature_wrong.")
]
Authentic = Annotated[bool | None, QueryParameter(description="Only those whose signature was right, or was not.")]
ItemId = Annotated[int, PathParameter(description="The delivery's number in the quarantine.", ge=1, le=LARGEST_NUMBER)]


@get("/quarantine", responses=READING, summary="Deliveries that are not in the log, the newest first")
async def list_quarantine(
    database: NamedDependency[Database],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    provider: ProviderName = None,
    reason: Reason = None,
    authentic: Authentic = None,
) -> Page[QuarantinedOut]:
    """Authentic but unusable ones, and the newest of those whose signature was wrong."""
    parameters.storable(provider=provider, reason=reason)
    after = parameters.cursor(cursor, NEWEST_FIRST, After)
    filters = Filters(parameters.words("state", states, STATES) or ("held",), provider, reason, authentic)
    async with database.connection() as conn:
        rows, following = await quarantine.list_items(conn, filters, after, limit)
    return Page([QuarantinedOut(**held_fields(row)) for row in rows], write_cursor(NEWEST_FIRST, following))


@get("/quarantine/{id:str}", responses=ONE, summary="One delivery of the quarantine")
async def one_of_quarantine(
    request: Request[Any, Any, Any], database: NamedDependency[Database], id: ItemId, raw: Raw = False
) -> OneQuarantinedOut:
    """On request with its headers and its body as they came."""
    if raw:
        await requires("admin")(request, request.route_handler)
    async with database.connection() as conn:
        row = await quarantine.get(conn, id)
    if row is None:
        raise NotFound(f"there is no item {id} in the quarantine")
    fields = held_fields({**row, "size": len(row["body"])})
    return OneQuarantinedOut(**fields, raw=raw_out(row) if raw else None)


@post(
    "/quarantine/{id:str}/replay",
    status_code=200,
    guards=[requires("operate")],
    responses=DECIDING,
    summary="Try to take it into the log",
)
async def replay_held(replaying: NamedDependency[Replay], id: ItemId, dry_run: DryRun = False) -> VerdictOut:
    """As the providers are configured now; it keeps its own time. Only one that is held; otherwise 409."""
    verdict = await replaying.decide(id, dry_run=dry_run)
    return VerdictOut(verdict.item, verdict.outcome, verdict.reason or None, verdict.position, dry_run)


@post(
    "/quarantine/{id:str}/discard",
    status_code=200,
    guards=[requires("operate")],
    responses=DECIDING,
    summary="Give it up",
)
async def discard_held(replaying: NamedDependency[Replay], id: ItemId, dry_run: DryRun = False) -> VerdictOut:
    """It stays on record until retention drops it. Only one that is held; otherwise 409."""
    await replaying.discard(id, dry_run=dry_run)
    return VerdictOut(id, "discarded", None, None, dry_run)
