"""Silences: begun by people, always with an end, kept when they are over, and told by what they hid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from tracker.domain.runs.pause import Silence
from tracker.queries.paging import Conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

STATES = ("active", "ended")
MOST_COUNTED = 10_000
"""What one silence hid is counted up to this many."""
NEWEST = 5


class After(msgspec.Struct, frozen=True, array_like=True):
    """The last silence of a page."""

    since: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Hid:
    """What a silence kept from people: how many alerts, and the newest of them."""

    count: int
    newest: list[Row]


BEGIN = "insert into silences (id, match, since, until, by, reason) values ($1, $2, $3, $4, $5, $6)"

END = """
update silences set until = greatest($2::timestamptz, since + interval '1 microsecond')
 where id = $1 and until > $2
returning id
"""

LIST = """
select id, match, since, until, by, reason from silences s where {where} order by s.since desc, s.id limit {limit}
"""

ONE = "select id, match, since, until, by, reason from silences where id = $1"

HIDDEN = """
select hidden.by, counted.alerts
  from unnest($1::text[]) as hidden (by)
 cross join lateral (select count(*) as alerts
                       from (select from actions where hidden_by = hidden.by limit $2) a) counted
"""

NEWEST_HIDDEN = """
select a.*
  from unnest($1::text[]) as hidden (by)
 cross join lateral (select * from actions where hidden_by = hidden.by order by created_at desc limit $2) a
 order by a.created_at desc, a.id
"""


async def begin(conn: Connection, silence: Silence) -> None:
    """From its beginning to its end alerts that fit it are hidden."""
    await conn.execute(BEGIN, silence.id, silence.match, silence.since, silence.until, silence.by, silence.reason)


async def end(conn: Connection, silence: UUID, now: datetime) -> bool:
    """End it, if it is not over; answers whether it was not."""
    return await conn.fetchval(END, silence, now) is not None


async def one(conn: Connection, silence: UUID) -> Silence | None:
    """The silence, over or not."""
    row = await conn.fetchrow(ONE, silence)
    return Silence(*row) if row else None


async def list_silences(
    conn: Connection, states: Sequence[str], after: After | None, limit: int, now: datetime
) -> tuple[list[Silence], After | None]:
    """A page of silences, the newest first, and where the next one begins."""
    statement, values = page(states, after, limit + 1, now)
    found = [Silence(*row) for row in await conn.fetch(statement, *values)]
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], After(last.since, last.id) if last else None


async def hid(conn: Connection, silences: Sequence[UUID], newest: int = NEWEST) -> dict[UUID, Hid]:
    """What each of the silences hid, with so many of the newest alerts."""
    names = {f"silence {silence}": silence for silence in silences}
    counts = {row["by"]: row["alerts"] for row in await conn.fetch(HIDDEN, list(names), MOST_COUNTED)}
    rows = await conn.fetch(NEWEST_HIDDEN, list(names), newest)
    return {
        silence: Hid(counts[name], [row for row in rows if row["hidden_by"] == name]) for name, silence in names.items()
    }


def page(states: Sequence[str], after: After | None, limit: int, now: datetime) -> tuple[str, list[object]]:
    """The statement and its values for one page."""
    where = Conditions()
    if set(states) == {"active"}:
        where.add("s.until > {}", now)
    elif set(states) == {"ended"}:
        where.add("s.until <= {}", now)
    if after:
        where.add("s.since <= {}", after.since)
        where.add("(s.since < {0} or s.id > {1})", after.since, after.id)
    return LIST.format(where=where, limit=limit), where.values
