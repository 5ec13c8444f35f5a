"""Accounts: on which providers publish, and whether they still can."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from tracker.api.parameters import Cursor, Limit, ProviderName
from tracker.api.responses import READING
from tracker.queries import accounts as queried
from tracker.queries.accounts import STATES, AccountQuery, KnownAccountOut
from tracker.queries.paging import Page
from tracker.store.database import Database

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or several: {', '.join(STATES)}.")]


@get("/accounts", responses=READING, summary="Accounts, by provider and id")
async def list_accounts(
    database: NamedDependency[Database],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    provider: ProviderName = None,
    platform: Annotated[str | None, QueryParameter(description="As in instagram.")] = None,
) -> Page[KnownAccountOut]:
    """Those that events, answers of providers, or posts that were created here have named."""
    query = AccountQuery.parse(state=states, provider=provider, platform=platform)
    async with database.connection() as conn:
        return await queried.list_accounts(conn, query, cursor, limit)
