"""Reconciliations: when providers were asked what is true, what that found, and asking them now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from tracker.api import parameters
from tracker.api.guards import caller, requires
from tracker.api.problems import MAX_BODY, OF_BODIES
from tracker.api.refusals import ONE, READING, SAYING
from tracker.api.schemas import Page
from tracker.api.words import Clock, Cursor, Limit, ProviderName
from tracker.domain.posts.reconciliation import changed_since
from tracker.errors import NotFound
from tracker.facts import commands
from tracker.queries.paging import write_cursor
from tracker.store.calls import reconciliations
from tracker.store.calls.reconciliations import STATES, After
from tracker.store.database import Database

NEWEST_FIRST = "-wanted_at"

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


class ReconciliationOut(Struct, frozen=True):
    """One round of questions to one provider."""

    id: UUID
    job: Annotated[str, Meta(description="The job of the configuration that wanted it, or `by hand`.")]
    provider: str
    state: Annotated[str, Meta(description="waiting, running or done.")]
    stopped: Annotated[
        str | None, Meta(description="Why not everything was asked, as in rate_limited; the next round goes on there.")
    ]
    since: Annotated[datetime, Meta(description="The next round reads the provider's list from here on.")]
    wanted_at: datetime
    wanted_by: Annotated[str | None, Meta(description="The name of the key, where somebody asked for it.")]
    begun_at: datetime | None
    ended_at: datetime | None
    calls: Annotated[int, Meta(description="Calls of the provider's API: what it took of the budget.")]
    listed: Annotated[int, Meta(description="Posts that were in the provider's list.")]
    asked: Annotated[int, Meta(description="Posts that were asked about one by one.")]
    missing: Annotated[int, Meta(description="Posts that no webhook had ever told of.")]
    appended: Annotated[int, Meta(description="Facts that were new, and are in the log now.")]
    conflicts: Annotated[int, Meta(description="Of these, those that contradict newer webhooks, which prevail.")]


@get("/reconciliations", responses=READING, summary="Rounds of questions to providers, the newest first")
async def list_reconciliations(
    database: NamedDependency[Database],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    provider: ProviderName = None,
) -> Page[ReconciliationOut]:
    """Answers a page."""
    parameters.storable(provider=provider)
    after = parameters.cursor(cursor, NEWEST_FIRST, After)
    words = parameters.words("state", states, STATES)
    async with database.connection() as conn:
        rows, following = await reconciliations.newest_first(conn, provider, words, after, limit)
    items = [reconciliation_out(row) for row in rows]
    return Page(items, write_cursor(NEWEST_FIRST, following))


@get("/reconciliations/{id:str}", responses=ONE, summary="One round of questions")
async def one_reconciliation(database: NamedDependency[Database], id: RoundId) -> ReconciliationOut:
    """As far as it is."""
    async with database.connection() as conn:
        row = await reconciliations.one(conn, id)
    if row is None:
        raise NotFound(f"there is no reconciliation {id}")
    return reconciliation_out(row)


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
        parameters.word("provider", data.provider, provider_names)
    since = changed_since(data.since, now) if data.since else None
    names = [data.provider] if data.provider else sorted(provider_names)
    async with database.transaction() as conn:
        rows = await commands.ask_providers(conn, names, since, caller(request).name, now)
    return Page([reconciliation_out(row) for row in rows], None)


def reconciliation_out(row: Mapping[str, Any]) -> ReconciliationOut:
    """A round as it is shown."""
    return ReconciliationOut(**{name: row[name] for name in ReconciliationOut.__struct_fields__})
