"""Posts as they stand, of which rules of the clock list some: those in a state for so long, or due before a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from tracker.store.database import Connection

STANDING = """
select p.fold::text as fold
  from unnest($1::text[]) as wanted (state)
 cross join lateral (
       select fold from posts
        where projection = (select version from projections where current) and state = wanted.state
          and (entered_at is null or entered_at <= $2)
        order by last_event_at desc, provider, post
        limit $3) p
"""
"""One look for each state into the index by state."""

DUE = """
select fold::text as fold from posts
 where projection = (select version from projections where current) and state = any($1::text[])
   and (entered_at is null or entered_at <= $2) and scheduled_at > $4 and scheduled_at <= $5
 order by scheduled_at, provider desc, post desc
 limit $3
"""


async def load(
    conn: Connection, states: Collection[str], entered: datetime, after: datetime, upto: datetime | None, most: int
) -> Sequence[str]:
    """The posts, as JSON, in one of the states, not entered later than that; with `upto` only those due until then.

    Of each state the newest `most`; of those that are due so many that are due first.
    """
    asked = (sorted(states), entered, most)
    rows = await conn.fetch(DUE, *asked, after, upto) if upto else await conn.fetch(STANDING, *asked)
    return [row["fold"] for row in rows]
