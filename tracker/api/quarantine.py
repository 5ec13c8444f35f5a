"""The quarantine: what could not be taken into the log, tried again or given up."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter

from tracker.api.auth import requires
from tracker.api.handlers import (
    DECIDING,
    LARGEST_NUMBER,
    ONE,
    READING,
    Cursor,
    Db,
    DryRun,
    Limit,
    Now,
    ProviderName,
    Raw,
    command,
    state_in,
    text,
)
from tracker.queries import quarantine as queried
from tracker.queries.paging import Page
from tracker.queries.quarantine import OneQuarantinedOut, QuarantinedOut, QuarantineQuery, VerdictOut
from tracker.receive.quarantine_replay import Replay
from tracker.store.log import quarantine
from tracker.store.log.quarantine import STATES

MANY, HELD = "One or several, with commas or repeated", "; without it, only what is held"
States = Annotated[list[str] | None, state_in(STATES, MANY, HELD)]
Reason = Annotated[str | None, text("The code of what was wrong, as in not_json or signature_wrong.")]
Authentic = Annotated[bool | None, text("Only those whose signature was right, or was not.")]
ItemId = Annotated[int, PathParameter(description="The delivery's number in the quarantine.", ge=1, le=LARGEST_NUMBER)]


@get("/quarantine", responses=READING, summary="Deliveries that are not in the log, the newest first")
async def list_quarantine(
    database: Db,
    now: Now,
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    provider: ProviderName = None,
    reason: Reason = None,
    authentic: Authentic = None,
    since: Annotated[str | None, text("Arrived at this time or later.")] = None,
) -> Page[QuarantinedOut]:
    """Authentic but unusable ones, and the newest of those whose signature was wrong."""
    query = QuarantineQuery.parse(now, state=states, provider=provider, reason=reason, authentic=authentic, since=since)
    async with database.connection() as conn:
        return await queried.list_quarantine(conn, query, cursor, limit)


@get("/quarantine/{id:str}", responses=ONE, summary="One delivery of the quarantine")
async def one_of_quarantine(
    request: Request[Any, Any, Any], database: Db, id: ItemId, raw: Raw = False
) -> OneQuarantinedOut:
    """On request with its headers and its body as they came."""
    if raw:
        await requires("admin")(request, request.route_handler)
    async with database.connection() as conn:
        return queried.one_quarantined_out(await quarantine.get(conn, id), raw=raw)


@command("/quarantine/{id:str}/replay", DECIDING, "Try to take it into the log")
async def replay_held(replaying: NamedDependency[Replay], id: ItemId, dry_run: DryRun = False) -> VerdictOut:
    """As the providers are configured now; it keeps its own time. Only one that is held; otherwise 409."""
    verdict = await replaying.decide(id, dry_run=dry_run)
    return VerdictOut(verdict.item, verdict.outcome, verdict.reason or None, verdict.position, dry_run)


@command("/quarantine/{id:str}/discard", DECIDING, "Give it up")
async def discard_held(replaying: NamedDependency[Replay], id: ItemId, dry_run: DryRun = False) -> VerdictOut:
    """It stays on record until retention drops it. Only one that is held; otherwise 409."""
    await replaying.discard(id, dry_run=dry_run)
    return VerdictOut(id, "discarded", None, None, dry_run)
