"""Occasions of schedules: whoever writes one down first does its work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tracker.store.database import Connection

TAKE = "insert into fires (schedule, fire_at, taken_at) values ($1, $2, $3) on conflict do nothing returning 1"

LAST = "select max(fire_at) from fires where schedule = $1 and fire_at <= $2"

LAST_OF_EACH = """
select s.schedule, f.fire_at, f.taken_at
  from unnest($1::text[]) as s (schedule)
 cross join lateral (select fire_at, taken_at from fires
                      where schedule = s.schedule and fire_at <= $2
                      order by fire_at desc limit 1) f
"""

FORGET = """
delete from fires f
 where fire_at < $1
   and exists (select from fires later where later.schedule = f.schedule and later.fire_at > f.fire_at)
"""

GIVE_BACK = """
with gone as (delete from fires where schedule = any($1::text[]) and fire_at > $2 returning schedule)
select schedule, count(*) from gone group by schedule order by schedule
"""


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """An occasion, and when it was taken."""

    at: datetime
    taken_at: datetime


async def take(conn: Connection, schedule: str, fire_at: datetime, now: datetime) -> bool:
    """Take the occasion; answers whether it was still free."""
    return await conn.fetchval(TAKE, schedule, fire_at, now) is not None


async def release(conn: Connection, schedule: str, fire_at: datetime) -> None:
    """The occasion is free again, since its work could not be done."""
    await conn.execute("delete from fires where schedule = $1 and fire_at = $2", schedule, fire_at)


async def last(conn: Connection, schedule: str, now: datetime) -> datetime | None:
    """The schedule's latest occasion that was taken; None: none ever was."""
    moment: datetime | None = await conn.fetchval(LAST, schedule, now)
    return moment


async def last_of_each(conn: Connection, schedules: Sequence[str], now: datetime) -> dict[str, ScheduleRun]:
    """The latest occasion that was taken of each schedule; one that never ran is left out."""
    rows = await conn.fetch(LAST_OF_EACH, list(schedules), now)
    return {row["schedule"]: ScheduleRun(row["fire_at"], row["taken_at"]) for row in rows}


async def forget(conn: Connection, before: datetime) -> None:
    """Drop occasions that are long over, but for the latest of each schedule."""
    await conn.execute(FORGET, before)


async def give_back(conn: Connection, schedules: Collection[str], after: datetime) -> dict[str, int]:
    """Free the occasions after that moment, and say of how many of each schedule that was."""
    return dict(map(tuple, await conn.fetch(GIVE_BACK, list(schedules), after)))
