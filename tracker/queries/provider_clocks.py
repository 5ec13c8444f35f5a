"""How far the times that providers tell differ from the arrival of their webhooks, by the newest of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.domain.posts.provider_clock import TOLERATED, ProviderClock
from tracker.store.session import into

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from tracker.store.database import Connection

CLOCKS = """
select source as provider, count(*) as told, count(*) filter (where off > $4::interval) as ahead,
       greatest(max(off), interval '0') as largest, percentile_cont(0.5) within group (order by off) as usual,
       percentile_cont(0.25) within group (order by off) as low,
       percentile_cont(0.75) within group (order by off) as high
  from (select source, occurred_at - received_at as off
          from (select source, occurred_at, received_at from events
                 where day >= $1::date order by position desc limit $2) newest
         where source = any($3::text[]) and occurred_at is not null) told
 group by source order by source
"""

LOOKED_THROUGH = 5000
"""Events, from the end of the log."""


async def clocks(conn: Connection, providers: Collection[str], since: datetime) -> dict[str, ProviderClock]:
    """Of each provider that has told a time lately."""
    rows = await conn.fetch(CLOCKS, since.date(), LOOKED_THROUGH, list(providers), TOLERATED)
    return {row["provider"]: into(ProviderClock, row) for row in rows}
