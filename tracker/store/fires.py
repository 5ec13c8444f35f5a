"""Occasions of schedules: whoever writes one down first does its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.store.database import Connection

TAKE = "insert into fires (schedule, fire_at, taken_at) values ($1, $2, $3) on conflict do nothing returning 1"

LAST = "select max(fire_at) from fires where schedule = $1 and fire_at <= $2"

LAST_OF_EACH = """
select schedule, (select max(fire_at) from fires f where f.schedule = s.schedule and f.fire_at <= $2) as fire_at
  from unnest($1::text[]) as s (schedule)
"""

FORGET = "delete from fires where fire_at < $1"


async def take(conn: Connection, schedule: str, fire_at: datetime, now: datetime) -> bool:
    """Whether this occasion was still free; it is not any more."""
    return await conn.fetchval(TAKE, schedule, fire_at, now) is not None


async def last(conn: Connection, schedule: str, now: datetime) -> datetime | None:
    """The latest occasion that was taken."""
    moment: datetime | None = await conn.fetchval(LAST, schedule, now)
    return moment


async def last_of_each(conn: Connection, schedules: Sequence[str], now: datetime) -> dict[str, datetime | None]:
    """The latest occasion of each that was taken; None where none was."""
    return {row["schedule"]: row["fire_at"] for row in await conn.fetch(LAST_OF_EACH, list(schedules), now)}


async def forget(conn: Connection, before: datetime) -> None:
    """Drop occasions that are long over."""
    await conn.execute(FORGET, before)
