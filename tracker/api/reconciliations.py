"""Reconciliations: when providers were asked what is true, what that found, and asking them now."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from tracker.api.auth import caller, requires
from tracker.api.parameters import Clock, Cursor, Limit, ProviderName
from tracker.api.problems import MAX_BODY, OF_BODIES
from tracker.api.responses import ONE, READING, SAYING
from tracker.facts import commands
from tracker.parameters import parse_choice, parse_reconcile_since
from tracker.queries import reconciliations as queried
from tracker.queries.paging import Page
from tracker.queries.reconciliations import STATES, ReconciliationOut
from tracker.store.database import Database

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or several: {', '.join(STATES)}.")]
RoundId = Annotated[UUID, PathParameter(description="The reconciliation's id.")]


class NewReconciliation(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to ask, and about what."""

    provider: Annotated[str | None, Meta(description="Its name in the configuration; without it, all are asked.")] = (
        None
    )
    since: Annotated[
        str | None, Meta(description="What changed since then is asked for: a time, or how long ago, as in 24h.")
    ] = None


@get("/reconciliations", responses=READING, summary="Rounds of questions to providers, the newest first")
async def list_reconciliations(
    database: NamedDependency[Database],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    provider: ProviderName = None,
) -> Page[ReconciliationOut]:
    """Answers a page."""
    async with database.connection() as conn:
        return await queried.list_reconciliations(conn, states, provider, cursor, limit)


@get("/reconciliations/{id:str}", responses=ONE, summary="One round of questions")
async def one_reconciliation(database: NamedDependency[Database], id: RoundId) -> ReconciliationOut:
    """As far as it is."""
    async with database.connection() as conn:
        return await queried.one_reconciliation(conn, id)


@post(
    "/reconciliations",
    status_code=202,
    guards=[requires("operate")],
    responses=SAYING,
    request_max_body_size=MAX_BODY,
    exception_handlers=OF_BODIES,
    summary="Ask providers now",
)
async def create_reconciliation(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    provider_names: NamedDependency[tuple[str, ...]],
    data: JSONBody[NewReconciliation],
) -> Page[ReconciliationOut]:
    """One round for each provider, done as soon as a worker is free."""
    now = clock()
    if data.provider is not None:
        parse_choice("provider", data.provider, provider_names)
    since = parse_reconcile_since("since", data.since, now) if data.since else None
    names = [data.provider] if data.provider else sorted(provider_names)
    async with database.transaction() as conn:
        rounds = await commands.ask_providers(conn, names, since, caller(request).name, now)
        return Page([await queried.one_reconciliation(conn, one) for one in rounds], None)
