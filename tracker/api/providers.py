"""What is known of providers: accounts, what has changed in their payloads, and rounds of questions to them."""

from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct, structs

from tracker.api.handlers import (
    ONE,
    READING,
    READS_BODY,
    SAYING,
    By,
    Cursor,
    Db,
    Limit,
    Now,
    ProviderName,
    ProviderNames,
    command,
    state_in,
    text,
)
from tracker.facts import commands
from tracker.parameters import parse_choice, parse_reconcile_since
from tracker.queries import accounts, drifts, reconciliations
from tracker.queries.accounts import AccountQuery, KnownAccountOut
from tracker.queries.drifts import DriftOut
from tracker.queries.figures import FiguresOut, FiguresQuery, figures
from tracker.queries.paging import Page
from tracker.queries.reconciliations import ReconciliationOut

AccountId = Annotated[str, PathParameter(description="The account's id at its provider, escaped.")]
AccountStates = Annotated[list[str] | None, state_in(accounts.STATES)]
DriftStates = Annotated[list[str] | None, state_in(drifts.STATES, "One or both")]
RoundStates = Annotated[list[str] | None, state_in(reconciliations.STATES)]
RoundId = Annotated[UUID, PathParameter(description="The reconciliation's id.")]


class OneAccountOut(KnownAccountOut, frozen=True):
    """An account, with how what was posted to it ended."""

    figures: FiguresOut


@get("/accounts", responses=READING, summary="Accounts, by provider and id")
async def list_accounts(
    database: Db,
    limit: Limit = 50,
    cursor: Cursor = None,
    states: AccountStates = None,
    provider: ProviderName = None,
    platform: Annotated[str | None, text("As in instagram.")] = None,
) -> Page[KnownAccountOut]:
    """Those that events, answers of providers, or posts that were created here have named."""
    query = AccountQuery.parse(state=states, provider=provider, platform=platform)
    async with database.connection() as conn:
        return await accounts.list_accounts(conn, query, cursor, limit)


@get("/accounts/{id:str}", responses=ONE, summary="One account, with its figures")
async def one_account(
    database: Db,
    now: Now,
    id: AccountId,
    provider: ProviderName = None,
    span: Annotated[str, text("How far back its figures go, as in 7d.")] = "30d",
) -> OneAccountOut:
    """Its figures are those of `GET /figures` for it alone, by platform."""
    async with database.snapshot() as conn:
        account = await accounts.one_account(conn, id, provider)
        query = FiguresQuery.parse(now, span=span, by="platform", provider=account.provider, account=account.account)
        return OneAccountOut(**structs.asdict(account), figures=await figures(conn, query, now))


@get("/drifts", responses=READING, summary="What has changed in what providers send, the newest first")
async def list_drifts(
    database: Db, limit: Limit = 50, cursor: Cursor = None, states: DriftStates = None, provider: ProviderName = None
) -> Page[DriftOut]:
    """New events, statuses, fields and types, and fields that have vanished, with the lines that would map them."""
    async with database.connection() as conn:
        return await drifts.list_drifts(conn, states, provider, cursor, limit)


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
    database: Db, limit: Limit = 50, cursor: Cursor = None, states: RoundStates = None, provider: ProviderName = None
) -> Page[ReconciliationOut]:
    """Answers a page."""
    async with database.connection() as conn:
        return await reconciliations.list_reconciliations(conn, states, provider, cursor, limit)


@get("/reconciliations/{id:str}", responses=ONE, summary="One round of questions")
async def one_reconciliation(database: Db, id: RoundId) -> ReconciliationOut:
    """As far as it is."""
    async with database.connection() as conn:
        return await reconciliations.one_reconciliation(conn, id)


@command("/reconciliations", SAYING, "Ask providers now", 202, **READS_BODY)
async def create_reconciliation(
    by: By, database: Db, now: Now, provider_names: ProviderNames, data: JSONBody[NewReconciliation]
) -> Page[ReconciliationOut]:
    """One round for each provider, done as soon as a worker is free."""
    if data.provider is not None:
        parse_choice("provider", data.provider, provider_names)
    since = parse_reconcile_since("since", data.since, now) if data.since else None
    names = [data.provider] if data.provider else sorted(provider_names)
    async with database.transaction() as conn:
        rounds = await commands.ask_providers(conn, names, since, by, now)
        return Page([await reconciliations.one_reconciliation(conn, one) for one in rounds], None)
