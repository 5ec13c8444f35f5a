"""Silences: begun by people, always with an end, kept when they are over, and told by what they hid."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tracker.domain.runs.engine_state import Silence

if TYPE_CHECKING:
    from tracker.store.database import Connection

BEGIN = "insert into silences (id, match, since, until, by, reason) values ($1, $2, $3, $4, $5, $6)"

END = """
update silences set until = greatest($2::timestamptz, since + interval '1 microsecond')
 where id = $1 and until > $2
returning id
"""

ONE = "select id, match, since, until, by, reason from silences where id = $1"


async def begin(conn: Connection, silence: Silence) -> None:
    """Record the silence: from its beginning to its end alerts that fit it are hidden."""
    await conn.execute(BEGIN, silence.id, silence.match, silence.since, silence.until, silence.by, silence.reason)


async def end(conn: Connection, silence: UUID, now: datetime) -> bool:
    """End the silence; answers whether it was not over before."""
    return await conn.fetchval(END, silence, now) is not None


async def get(conn: Connection, silence: UUID) -> Silence | None:
    """The silence, over or not; None: there is none of that id."""
    row = await conn.fetchrow(ONE, silence)
    return Silence(*row) if row else None
