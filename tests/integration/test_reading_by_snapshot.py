"""Reading by snapshot: writers that commit out of order lose nothing, double nothing and stall nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.integration.told import told
from tracker.domain.posts.event import BUCKETS
from tracker.store.database import Database, set_codecs
from tracker.store.log.event_log import append
from tracker.store.log.feed import EVENTS, Checkpoint, beginning, head, read_after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tracker.store.database import Connection

pytestmark = pytest.mark.anyio

ALL = range(BUCKETS)
WRITERS, EACH = 8, 60

COMMIT_LATE_AND_IN_ANY_ORDER = """
create function dawdle() returns trigger language plpgsql as $$
begin perform pg_sleep(random() * 0.01); return null; end $$;
create constraint trigger dawdle after insert on deliveries deferrable initially deferred
  for each row execute function dawdle();
"""


class BySnapshot:
    """The product's reader."""

    def __init__(self) -> None:
        self.seen: Checkpoint = beginning(1)

    async def read(self, conn: Connection, limit: int = 50) -> list[int]:
        batch = await read_after(conn, EVENTS, self.seen, await head(conn), ALL, limit)
        self.seen = batch.reached
        return [row["position"] for row in batch.rows]


class ByPosition:
    """The reader that everybody writes first: it remembers the largest position."""

    def __init__(self) -> None:
        self.last = 0

    async def read(self, conn: Connection) -> list[int]:
        rows = await conn.fetch("select position from events where position > $1 order by position", self.last)
        self.last = max([self.last, *(row["position"] for row in rows)])
        return [row["position"] for row in rows]


async def _write_while_reading(
    database: Database, url: str, read: Callable[[Connection], Awaitable[list[int]]]
) -> tuple[set[int], list[int]]:
    """What eight writers were told is kept, and what the reader got, while an idle transaction stays open."""
    async with database.connection() as conn:
        await conn.execute(COMMIT_LATE_AND_IN_ANY_ORDER)
    elsewhere = await asyncpg.connect(url)
    held_open = elsewhere.transaction()
    await held_open.start()
    await elsewhere.fetchval("select pg_current_xact_id()")
    kept: set[int] = set()
    got: list[int] = []

    async def write(writer: int) -> None:
        async with database.connection() as conn:
            for n in range(EACH):
                (receipt,) = await append(conn, [told(f"p{writer}-{n}", "published", n)])
                kept.add(receipt.position)

    writing = asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    async with database.connection() as conn:
        while not writing.done():
            got += await read(conn)
        await writing
        while more := await read(conn):
            got += more
    await held_open.rollback()
    await elsewhere.close()
    return kept, got


async def test_no_event_is_skipped_or_doubled_and_a_held_open_transaction_stalls_nothing(
    database: Database, database_url: str
) -> None:
    kept, got = await _write_while_reading(database, database_url, BySnapshot().read)
    assert sorted(got) == sorted(kept)
    assert len(kept) == WRITERS * EACH


async def test_a_reader_that_remembers_the_largest_position_fails_the_same_test(
    database: Database, database_url: str
) -> None:
    kept, got = await _write_while_reading(database, database_url, ByPosition().read)
    assert set(got) < kept


async def test_a_transaction_that_was_open_for_long_is_read_when_it_ends(database: Database, database_url: str) -> None:
    reader = BySnapshot()
    late = await asyncpg.connect(database_url)
    await set_codecs(late)
    transaction = late.transaction()
    async with database.connection() as conn:
        await append(conn, [told("first", "published", 0)])
        await transaction.start()
        (slow,) = await append(late, [told("slow", "published", 1)])
        for n in range(20):
            await append(conn, [told(f"p{n}", "published", n)])
            await reader.read(conn)
        assert slow.position not in await reader.read(conn)
        await transaction.commit()
        assert await reader.read(conn) == [slow.position]
    await late.close()


async def test_a_batch_is_cut_between_transactions_and_nothing_is_lost_at_the_cut(database: Database) -> None:
    async with database.connection() as conn:
        for n in range(10):
            await append(conn, [told(f"p{n}-{k}", "published", k) for k in range(7)])
        reader, sizes = BySnapshot(), []
        while rows := await reader.read(conn, limit=10):
            sizes.append(len(rows))
    assert sum(sizes) == 70
    assert {size % 7 for size in sizes} == {0}


async def test_a_transaction_larger_than_the_limit_is_read_whole(database: Database) -> None:
    async with database.connection() as conn:
        await append(conn, [told(f"p{k}", "published", k) for k in range(30)])
        assert len(await BySnapshot().read(conn, limit=10)) == 30


async def test_a_restored_log_is_read_to_its_end_before_the_new_epoch_begins(database: Database) -> None:
    """After dump and reload elsewhere, old rows carry ids that the new cluster has not given out yet."""
    async with database.connection() as conn:
        await append(conn, [told("old-1", "published", 1)])
        await append(conn, [told("old-2", "published", 2)])
        await conn.execute("alter table events disable trigger user")
        await conn.execute("update events set xid = (xid::text::bigint + 1000000)::text::xid8")
        await conn.execute("alter table events enable trigger user")
        high = await conn.fetchval("select min(xid) from events")
        seen = Checkpoint(1, high + 1, high + 1)
        await conn.execute("update log_epochs set system_identifier = 'another cluster'")
    async with Database.open(database.dsn) as again, again.connection() as conn:
        (receipt,) = await append(conn, [told("new", "published", 3)])
        reader = BySnapshot()
        reader.seen = seen
        posts = []
        for _ in range(3):
            positions = await reader.read(conn)
            rows = await conn.fetch("select post from events where position = any($1) order by position", positions)
            posts += [row["post"] for row in rows]
        assert posts == ["old-2", "new"]
        assert reader.seen.epoch == (await head(conn)).epoch > 1
        assert receipt.position


async def test_the_reader_uses_the_index_made_for_it(database: Database) -> None:
    async with database.connection() as conn:
        await append(conn, [told(f"p{n}", "published", n) for n in range(900)])
        await conn.execute("analyze events")
        now = await head(conn)
        for query, more in ((EVENTS.stragglers, ([1, 2],)), (EVENTS.fresh, (now.xmax - 1, now.xmax, 50))):
            plan = await conn.fetch("explain " + query, 1, list(ALL), now.raw, *more, now.raw)
            assert any("epoch" in line[0] and "xid" in line[0] and "Index Cond" in line[0] for line in plan), plan
