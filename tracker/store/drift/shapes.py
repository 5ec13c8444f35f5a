"""What the payloads of each event usually look like, as far as it was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tracker.domain.drift.usual import Usual

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection

MOST_EVENTS = 100
"""Names of events of one provider; what comes under a further one is not learnt from."""

OF_A_PROVIDER = "select event, usual from shapes where provider = $1 order by event"

SAVE = """
insert into shapes (provider, event, usual, last_at) values ($1, $2, $3, $4)
    on conflict (provider, event) do update set usual = excluded.usual, last_at = excluded.last_at
"""

FORGET = "delete from shapes where last_at < $1"


async def of_provider(conn: Connection, provider: str) -> dict[str, Usual]:
    """What is known of its events, by their names."""
    rows = await conn.fetch(OF_A_PROVIDER, provider)
    return {row["event"]: msgspec.json.decode(row["usual"], type=Usual) for row in rows}


async def save(conn: Connection, provider: str, event: str, usual: Usual) -> None:
    """Keep what is known of one event now."""
    await conn.execute(SAVE, provider, event, msgspec.json.encode(usual), usual.last_at)


async def forget(conn: Connection, before: datetime) -> None:
    """Be rid of events that have not come for so long."""
    await conn.execute(FORGET, before)
