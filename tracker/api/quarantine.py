"""The quarantine: what could not be taken into the log, tried again or given up."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from tracker.api.auth import requires
from tracker.api.parameters import LARGEST_NUMBER, Clock, Cursor, DryRun, Limit, ProviderName, Raw
from tracker.api.responses import DECIDING, ONE, READING
from tracker.queries import quarantine as queried
from tracker.queries.paging import Page
from tracker.queries.quarantine import OneQuarantinedOut, QuarantinedOut, QuarantineQuery, VerdictOut
from tracker.receive.quarantine_replay import Replay
from tracker.store.database import Database
from tracker.store.log import quarantine
from tracker.store.log.quarantine import STATES

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
    clock: NamedDependency[Clock],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    provider: ProviderName = None,
    reason: Reason = None,
    authentic: Authentic = None,
) -> Page[QuarantinedOut]:
    """Authentic but unusable ones, and the newest of those whose signature was wrong."""
    query = QuarantineQuery.parse(clock(), state=states, provider=provider, reason=reason, authentic=authentic)
    async with database.connection() as conn:
        return await queried.list_quarantine(conn, query, cursor, limit)


@get("/quarantine/{id:str}", responses=ONE, summary="One delivery of the quarantine")
async def one_of_quarantine(
    request: Request[Any, Any, Any], database: NamedDependency[Database], id: ItemId, raw: Raw = False
) -> OneQuarantinedOut:
    """On request with its headers and its body as they came."""
    if raw:
        await requires("admin")(request, request.route_handler)
    async with database.connection() as conn:
        return queried.one_quarantined_out(await quarantine.get(conn, id), raw=raw)


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
