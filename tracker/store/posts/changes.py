"""Changes read back: what happened to one post, and what came in during a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tracker.domain.posts.change import Change, Move
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

OF_POST = """
select c.* from changes c
 where c.projection = (select version from projections where current) and c.provider = $1 and c.post = $2
   and c.occurred_at >= $3 and c.cause < $4
 order by c.id
 limit $5
"""

OF_PROVIDER = """
select c.* from changes c
 where c.projection = (select version from projections where current) and c.provider = $1
   and c.received_at >= $2::timestamptz - interval '1 hour' and c.occurred_at >= $2 and c.cause < $3
 order by c.id
 limit $4
"""

ARRIVED = """
select c.* from changes c
 where c.projection = (select version from projections where current) and c.received_at > $1 and c.received_at <= $2
   and ($3::text[] is null or c.event = any($3::text[]) or c.moves::text <> '[]')
 order by c.received_at, c.id
 limit $4
"""

NEWEST_OF_POST = """
select c.* from changes c
 where c.projection = (select version from projections where current) and c.provider = $1 and c.post = $2
 order by c.id desc
 limit $3
"""

MOST_OF_POST = 500
MOST_OF_PROVIDER = 5000
MOST_ARRIVED = 50_000


@dataclass(frozen=True, slots=True)
class Announced:
    """What those who listen are told of a change; the names are those of Change."""

    provider: str
    post: str | None
    event: str
    source: str
    kind: str
    before: str | None
    after: str | None
    attempt: int
    occurred_at: datetime
    received_at: datetime
    cause: int
    moves: tuple[Move, ...]


def announced(row: Row) -> Announced:
    """A row of the feed NEWS as a value."""
    return into(Announced, row, moves=msgspec.convert(row["moves"], tuple[Move, ...]))


def change_of(row: Row) -> Change:
    """A row with JSON as values, as a Change."""
    return msgspec.convert(dict(row), Change)


async def of_post(
    conn: Connection, provider: str, post: str, occurred_since: datetime, before_cause: int
) -> Sequence[Change]:
    """What had happened to the post at or after that moment, as far as it was known before that event."""
    rows = await conn.fetch(OF_POST, provider, post, occurred_since, before_cause, MOST_OF_POST)
    return [change_of(row) for row in rows]


async def of_provider(conn: Connection, provider: str, occurred_since: datetime, before_cause: int) -> Sequence[Change]:
    """What had happened to any post of the provider, as `of_post` has it; what was dated an hour ahead is not found."""
    rows = await conn.fetch(OF_PROVIDER, provider, occurred_since, before_cause, MOST_OF_PROVIDER)
    return [change_of(row) for row in rows]


async def newest_of_post(conn: Connection, provider: str, post: str, limit: int) -> list[Change]:
    """The post's last changes, the first one first."""
    rows = await conn.fetch(NEWEST_OF_POST, provider, post, limit)
    return [change_of(row) for row in reversed(rows)]


async def arrived(conn: Connection, after: datetime, upto: datetime, events: Sequence[str] | None) -> Sequence[Change]:
    """What came in during (after, upto] and moved a post or has one of these names; None: whatever its name."""
    return [change_of(row) for row in await conn.fetch(ARRIVED, after, upto, events, MOST_ARRIVED)]
