"""What a mapping is tried on: the posts of a provider that something was heard of lately, with all their events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.store.posts.posts import logged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.domain.posts.event import LoggedEvent
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

EVENTS = """
select e.*
  from unnest($2::text[]) as wanted (post)
 cross join lateral (
       select position, day, bucket, source, provider, kind, post, part, occurred_at, received_at, body_hash, body
         from events where provider = $1 and post = wanted.post and received_at <= $3) e
 where not exists (select from parked p where p.subscription = 'processor' and p.item = e.position)
 order by e.position
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


async def events_of(conn: Connection, provider: str, posts: Sequence[str], until: datetime) -> list[LoggedEvent]:
    """All that the log has of these posts up to that moment, without what is parked."""
    return [logged(row) for row in await conn.fetch(EVENTS, provider, list(posts), until)]
