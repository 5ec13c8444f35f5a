"""Waiting until something in Postgres waits for a lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.waiting import until

if TYPE_CHECKING:
    from tracker.store.database import Database


async def until_blocked(database: Database) -> None:
    """Come back when a transaction in this database waits for another; fails after ten seconds."""
    async with database.connection() as conn:
        await until(lambda: conn.fetchval(WAITING), "somebody waits for a lock", 10)


WAITING = """
select count(*) from pg_locks join pg_stat_activity using (pid) where not granted and datname = current_database()
"""
