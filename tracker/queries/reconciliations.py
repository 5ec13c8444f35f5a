"""When providers were asked what is true, and what that found: rounds by filters, and one."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.parameters import parse_choices, refuse_zero_bytes
from tracker.queries.paging import Keyset, Page, fetch_one, fitting, list_page
from tracker.store.session import into
from tracker.store.tables.operations import Reconciliation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection

STATES = ("waiting", "running", "done")

NEWEST_FIRST = Keyset("-wanted_at", tuple[datetime, UUID], col(Reconciliation.wanted_at), (col(Reconciliation.id),))


class ReconciliationOut(Struct, frozen=True):
    """One round of questions to one provider."""

    id: UUID
    job: Annotated[
        str, Meta(description="The job of the configuration that wanted it, or `by hand`, or `sent nothing`.")
    ]
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


async def list_reconciliations(
    conn: Connection, states: Sequence[str] | None = None, provider: str | None = None, cursor: str | None = None,
    limit: int = 50,
) -> Page[ReconciliationOut]:  # fmt: skip
    """A page of rounds, the newest first."""
    refuse_zero_bytes(provider=provider)
    wanted = fitting(Reconciliation, state=parse_choices("state", states, STATES), provider=provider or None)
    rounds = select(Reconciliation).where(*wanted)
    return await list_page(conn, rounds, NEWEST_FIRST, cursor, limit, partial(into, ReconciliationOut))


async def one_reconciliation(conn: Connection, reconciliation: UUID) -> ReconciliationOut:
    """One round, as far as it is; raises NotFound."""
    one = select(Reconciliation).where(col(Reconciliation.id) == reconciliation)
    return into(ReconciliationOut, await fetch_one(conn, one, f"reconciliation {reconciliation}"))
