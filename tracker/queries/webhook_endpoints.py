"""Endpoints made at run time, as people are shown them: of an address what is never secret, and no secret."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.outbound.addresses import origin_of
from tracker.queries.paging import Keyset, Page, fetch_one, list_page
from tracker.store.reactions import rule_book
from tracker.store.session import into
from tracker.store.tables.reactions import WebhookEndpoint as Endpoints

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tracker.store.database import Connection
    from tracker.store.reactions.rule_book import Switch

DISABLED = """
select count(*) from webhook_endpoints e join rule_switches s on s.rule = e.id where not s.enabled and s.by = 'tracker'
"""

NEWEST_FIRST = Keyset("-created_at", tuple[datetime, str], col(Endpoints.created_at), (col(Endpoints.id),))


class EndpointOut(Struct, frozen=True):
    """A webhook that somebody subscribed to at run time."""

    id: Annotated[str, Meta(description="Also the id of the rule that sends there, and the target of its actions.")]
    url: Annotated[str, Meta(description="Scheme, host and port of the address: the rest may be secret.")]
    events: list[str]
    filter: dict[str, str | list[str]]
    description: str
    enabled: Annotated[bool, Meta(description="False: five messages in a row failed for good, or somebody said so.")]
    disabled_by: Annotated[str | None, Meta(description="The name of a key, or `tracker`.")]
    failures: Annotated[int, Meta(description="Messages that have failed for good since one was taken.")]
    by: Annotated[str, Meta(description="The name of the key that made it.")]
    created_at: datetime


async def list_endpoints(conn: Connection, cursor: str | None, limit: int) -> Page[EndpointOut]:
    """A page of them, the newest first."""
    switches = await rule_book.switches_by_rule(conn)
    return await list_page(conn, select(Endpoints), NEWEST_FIRST, cursor, limit, lambda row: _shown(row, switches))


async def one_endpoint(conn: Connection, endpoint: str) -> EndpointOut:
    """The one of that id; raises NotFound."""
    row = await fetch_one(conn, select(Endpoints).where(col(Endpoints.id) == endpoint), f'endpoint "{endpoint}"')
    return _shown(row, await rule_book.switches_by_rule(conn))


async def count_disabled(conn: Connection) -> int:
    """To how many nothing is sent any more because too many messages in a row have failed for good."""
    number: int = await conn.fetchval(DISABLED)
    return number


def _shown(row: Any, switches: Mapping[str, Switch]) -> EndpointOut:
    switch = switches.get(row["id"])
    off = switch if switch and not switch.enabled else None
    return into(EndpointOut, row, url=origin_of(row["url"]), enabled=off is None, disabled_by=off.by if off else None)
