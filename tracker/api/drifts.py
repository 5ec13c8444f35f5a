"""Drift: what has changed in the payloads of providers, where it matters to what is read from them."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from tracker.api.parameters import Cursor, Limit, ProviderName
from tracker.api.responses import READING
from tracker.queries import drifts as queried
from tracker.queries.drifts import STATES, DriftOut
from tracker.queries.paging import Page
from tracker.store.database import Database

States = Annotated[list[str] | None, QueryParameter(name="state", description=f"One or both: {', '.join(STATES)}.")]


@get("/drifts", responses=READING, summary="What has changed in what providers send, the newest first")
async def list_drifts(
    database: NamedDependency[Database],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    provider: ProviderName = None,
) -> Page[DriftOut]:
    """New events, statuses, fields and types, and fields that have vanished, with the lines that would map them."""
    async with database.connection() as conn:
        return await queried.list_drifts(conn, states, provider, cursor, limit)
