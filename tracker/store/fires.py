"""Occasions of schedules: whoever writes one down first does its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection

TAKE = "insert into fires (schedule, fire_at, taken_at) values ($1, $2, $3) on conflict do nothing returning 1"

LAST = "select max(fire_at) from fires where schedule = $1 and fire_at <= $2"

FORGET = "delete from fires where fire_at < $1"


async def take(conn: Connection, schedule: str, fire_at: datetime, now: datetime) -> bool:
    """Whether this occasion was still free; it is not any more."""
    return await conn.fetchval(TAKE, schedule, fire_at, now) is not None


async def last(conn: Connection, schedule: str, now: datetime) -> datetime | None:
    """The latest occasion that was taken."""
    moment: datetime | None = await conn.fetchval(LAST, schedule, now)
    return moment


async def forget(conn: Connection, before: datetime) -> None:
    """Drop occasions that are long over."""
    await conn.execute(FORGET, before)
