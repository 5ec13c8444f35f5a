"""In which hours each provider's webhooks arrived, and which providers people were told are silent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from tracker.store.database import Connection

LEARNT_FROM = timedelta(days=14)
"""From so much of the past it is learnt how long a provider is silent; what was noted before is dropped."""

LAST_LOOKED = "select max(last_at) from heard_hours"

TAKE_NOTE = """
insert into heard_hours (provider, hour, last_at)
select source, date_trunc('hour', received_at, 'UTC'), max(received_at)
  from events
 where day >= ($1::timestamptz at time zone 'UTC')::date and received_at >= $1 and received_at <= $2
   and source = provider
 group by 1, 2
    on conflict (provider, hour) do update set last_at = greatest(heard_hours.last_at, excluded.last_at)
"""

HOURS = "select provider, hour, last_at from heard_hours where hour >= $1 order by provider, hour"

FORGET = "delete from heard_hours where hour < $1 or last_at > $2"

NEWEST = """
select source, max(received_at) as last_at
  from (select source, received_at from events where day >= $1::date order by position desc limit $2) newest
 where source = any($3::text[])
 group by source
"""

LOOKED_THROUGH = 20_000
"""Events, from the end of the log; what came before them, the deadman has noted if it looks every few minutes."""

BECOMES_SILENT = """
insert into silent_providers (provider, heard_at, told_at) values ($1, $2, $3) on conflict do nothing returning 1
"""

SILENT = "select provider, heard_at from silent_providers"

HEARD_AGAIN = "delete from silent_providers where provider = $1 returning heard_at"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A provider's hours with a webhook (their beginnings, ascending), and the last webhook of all."""

    hours: Sequence[datetime]
    last_at: datetime


async def take_note(conn: Connection, since: datetime, until: datetime) -> None:
    """Note what has arrived since the last look; `since` is how far to look back at most."""
    looked = await conn.fetchval(LAST_LOOKED)
    await conn.execute(TAKE_NOTE, max(looked, since) if looked else since, until)


async def by_provider(conn: Connection, since: datetime) -> dict[str, Heartbeat]:
    """The hours since then in which each provider was heard."""
    rows = defaultdict(list)
    for row in await conn.fetch(HOURS, since):
        rows[row["provider"]].append(row)
    return {name: Heartbeat([row["hour"] for row in found], found[-1]["last_at"]) for name, found in rows.items()}


async def last_of_each(conn: Connection, providers: Collection[str], since: datetime) -> dict[str, datetime]:
    """When the last webhook of each came, of those that sent one since then: what was noted, or the log itself."""
    noted = {name: known.last_at for name, known in (await by_provider(conn, since)).items() if name in providers}
    rows = await conn.fetch(NEWEST, since, LOOKED_THROUGH, list(providers))
    newest = {row["source"]: row["last_at"] for row in rows if row["last_at"] >= since}
    return noted | {name: max(at, noted.get(name, at)) for name, at in newest.items()}


async def forget(conn: Connection, before: datetime, after: datetime) -> None:
    """Drop hours that are of no more use, and those in which something was heard after what is now."""
    await conn.execute(FORGET, before, after)


async def becomes_silent(conn: Connection, provider: str, heard_at: datetime, now: datetime) -> bool:
    """Note that the provider is silent, last heard at `heard_at`; answers whether that is news."""
    return await conn.fetchval(BECOMES_SILENT, provider, heard_at, now) is not None


async def silent(conn: Connection) -> dict[str, datetime]:
    """The providers of which people were told that they are silent, and when each was last heard before."""
    return {row["provider"]: row["heard_at"] for row in await conn.fetch(SILENT)}


async def heard_again(conn: Connection, provider: str) -> datetime | None:
    """Note that the provider was heard again; answers since when it was silent, None when it was not."""
    since: datetime | None = await conn.fetchval(HEARD_AGAIN, provider)
    return since
