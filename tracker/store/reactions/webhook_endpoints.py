"""Endpoints that people have made at run time. The id of each is that of the rule that sends there, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from tracker.store.session import into
from tracker.store.wakeups import RULES
from tracker.store.waking import wake_after_commit

if TYPE_CHECKING:
    from tracker.store.database import Connection


class WebhookEndpoint(Struct, frozen=True):
    """Where messages go, and which: `events` and `filter` are what a rule calls `on` and `match`.

    `failures` counts the messages that have failed for good since one was taken.
    """

    id: str
    url: str
    events: Sequence[str]
    filter: Mapping[str, str | Sequence[str]]
    description: str
    by: str
    created_at: datetime
    failures: int = 0


COUNT = "select count(*) from webhook_endpoints"

INSERT = """
insert into webhook_endpoints (id, url, events, filter, description, by, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
"""

LIST = "select * from webhook_endpoints order by created_at desc, id"

FIND = "select * from webhook_endpoints where id = $1"

DELETE = "delete from webhook_endpoints where id = $1 returning id"

FAILED = "update webhook_endpoints set failures = failures + 1 where id = $1 returning failures"

TAKEN = "update webhook_endpoints set failures = 0 where id = any($1::text[]) and failures > 0"


async def count(conn: Connection) -> int:
    """How many there are."""
    number: int = await conn.fetchval(COUNT)
    return number


async def add(conn: Connection, made: WebhookEndpoint) -> None:
    """Keep it; with the commit its rule is in force."""
    said = (made.id, made.url, made.events, made.filter, made.description, made.by, made.created_at)
    await conn.execute(INSERT, *said)
    wake_after_commit(conn, RULES)


async def list_all(conn: Connection) -> list[WebhookEndpoint]:
    """All of them, the newest first."""
    return [into(WebhookEndpoint, row) for row in await conn.fetch(LIST)]


async def find(conn: Connection, endpoint: str) -> WebhookEndpoint | None:
    """The one of that id; None: there is none, or none any more."""
    row = await conn.fetchrow(FIND, endpoint)
    return into(WebhookEndpoint, row) if row else None


async def remove(conn: Connection, endpoint: str) -> bool:
    """Forget it and, with the commit, its rule; answers whether it was there."""
    wake_after_commit(conn, RULES)
    return await conn.fetchval(DELETE, endpoint) is not None


async def count_failure(conn: Connection, endpoint: str) -> int:
    """One more message has failed for good; answers how many have in a row, 0 where there is no such endpoint."""
    failures: int | None = await conn.fetchval(FAILED, endpoint)
    return failures or 0


async def count_taken(conn: Connection, endpoints: Sequence[str]) -> None:
    """These have taken a message."""
    await conn.execute(TAKEN, list(endpoints))
