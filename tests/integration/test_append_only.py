"""The log defends itself: what is in it can be added to and dropped by whole sealed days, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

EVENT = """
insert into events (day, epoch, bucket, source, provider, delivery, body_hash, kind, part, received_at, conflict,
                    headers, body)
values ('2026-11-01', 1, 0, 'p', 'p', 'd1', '\\x00', 'post.failed', 0, now(), false, '{}', '')
"""
DELIVERY = "insert into deliveries values ('p', 'd1', '\\x00', 1, '2026-11-01')"


@pytest.fixture
async def log(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A log with one day and one event in it."""
    await connection.execute("insert into log_epochs (epoch, system_identifier) values (1, 'here')")
    await connection.execute("select ensure_log_day('2026-11-01')")
    await connection.execute(EVENT)
    await connection.execute(DELIVERY)
    yield connection
    assert await connection.fetchval("select count(*) from events") == 1
    assert await connection.fetchval("select count(*) from deliveries") == 1


@pytest.mark.parametrize("table", ["events", "events_20261101", "deliveries"])
@pytest.mark.parametrize("change", ["update {} set source = 'x'", "delete from {}", "truncate {}"])
async def test_no_row_of_the_log_is_changed_or_removed(log: asyncpg.Connection, table: str, change: str) -> None:
    """Not through the table, not through the partition of a day, not by its owner."""
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await log.execute(change.format(table))


async def test_a_day_that_is_open_is_not_dropped(log: asyncpg.Connection) -> None:
    """Events may still be on their way into it, and readers on their way through it."""
    with pytest.raises(asyncpg.RestrictViolationError, match="not sealed"):
        await log.execute("select drop_log_day('2026-11-01')")


async def test_a_sealed_day_takes_nothing_more(log: asyncpg.Connection) -> None:
    """What has been read to its end stays read."""
    await log.execute("select seal_log_day('2026-11-01')")
    with pytest.raises(asyncpg.CheckViolationError, match="_sealed"):
        await log.execute(EVENT)


async def test_a_sealed_day_is_dropped_whole_and_the_ledger_stays(connection: asyncpg.Connection) -> None:
    """Pruning forgets the bodies, and still knows the deliveries."""
    await connection.execute("insert into log_epochs (epoch, system_identifier) values (1, 'here')")
    await connection.execute("select ensure_log_day('2026-11-01')")
    await connection.execute(EVENT)
    await connection.execute(DELIVERY)
    await connection.execute("select seal_log_day('2026-11-01'), drop_log_day('2026-11-01')")
    assert await connection.fetchval("select to_regclass('events_20261101')::text") is None
    assert await connection.fetchval("select count(*) from deliveries") == 1


async def test_a_day_is_made_once(log: asyncpg.Connection) -> None:
    """However often it is asked for."""
    await log.execute("select ensure_log_day('2026-11-01'), ensure_log_day('2026-11-01')")
    assert await log.fetchval("select count(*) from log_days") == 1
