"""What a mapping is tried on: the posts of a provider that something was heard of lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection

OF_PROVIDER = """
  from posts p
 where p.projection = (select version from projections where current) and p.provider = $1 and p.last_day >= $2::date
"""

COUNT = f"select count(*) {OF_PROVIDER}"

CUTS = f"""
select post from (select post, row_number() over (order by post) as number {OF_PROVIDER}) numbered
 where number % $3 = 0 order by post
"""

NEXT = f"""
select p.post {OF_PROVIDER} and p.post >= $3 and p.post > $4 and ($5::text is null or p.post < $5)
 order by p.post limit $6
"""


async def count(conn: Connection, provider: str, since: datetime) -> int:
    """How many posts there are."""
    number: int = await conn.fetchval(COUNT, provider, since)
    return number


async def cuts(conn: Connection, provider: str, since: datetime, number: int, shares: int) -> list[str]:
    """Where to cut so many posts into shares of the same size."""
    rows = await conn.fetch(CUTS, provider, since, max(1, -(-number // shares)))
    return [row["post"] for row in rows]


async def posts_after(
    conn: Connection, provider: str, since: datetime, first: str, after: str, end: str | None, limit: int
) -> list[str]:
    """The next posts from `first` on, after `after` and before `end`, in the order of their ids."""
    return [row["post"] for row in await conn.fetch(NEXT, provider, since, first, after, end, limit)]
