"""The log keeps every event once, whatever repeats, and forgets nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.integration.blocking import until_blocked
from tests.integration.told import NOON, told
from tracker.domain.posts.event import bucket_of
from tracker.store.log.event_log import Receipt, Unstorable, append

if TYPE_CHECKING:
    import asyncpg

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


async def test_a_new_event_is_kept_byte_for_byte(database: Database) -> None:
    event = told("p1", "published", 1)
    async with database.connection() as conn:
        (receipt,) = await append(conn, [event])
        row = await conn.fetchrow("select * from events where position = $1", receipt.position)
    assert (row["body"], row["headers"], row["post"]) == (event.body, event.headers, "p1")
    assert not receipt.duplicate


async def test_the_same_delivery_is_kept_once_and_recorded_as_a_repeat(database: Database) -> None:
    event = told("p1", "published", 1, "d1")
    async with database.connection() as conn:
        first, second = await append(conn, [event, event])
        (third,) = await append(conn, [event])
        repeats = await conn.fetch("select same, position from repeats")
    assert (second, third) == (Receipt(first.position, duplicate=True),) * 2
    assert [tuple(row) for row in repeats] == [("delivery", first.position)] * 2


async def test_a_body_replayed_under_a_fresh_id_is_a_duplicate(database: Database) -> None:
    event = told("p1", "published", 1, "d1")
    async with database.connection() as conn:
        (first,) = await append(conn, [event])
        (replayed,) = await append(conn, [replace(event, delivery="forged")])
        assert await conn.fetchval("select same from repeats") == "body"
    assert replayed == Receipt(first.position, duplicate=True)


async def test_another_body_under_a_known_id_is_kept_and_flagged(database: Database) -> None:
    async with database.connection() as conn:
        first, other = await append(conn, [told("p1", "failed", 1, "d1"), told("p1", "published", 2, "d1")])
        (again,) = await append(conn, [told("p1", "published", 2, "d1")])
        rows = await conn.fetch("select position, conflict from events order by position")
    assert {row["position"]: row["conflict"] for row in rows} == {first.position: False, other.position: True}
    assert again == Receipt(other.position, duplicate=True)


async def test_the_same_event_from_two_sources_is_two_events(database: Database) -> None:
    event = told("p1", "published", 1, "d1")
    async with database.connection() as conn:
        receipts = await append(conn, [event, replace(event, source="reconcile")])
    assert [receipt.duplicate for receipt in receipts] == [False, False]


async def test_racing_writers_keep_one_of_each(database: Database) -> None:
    events = [told(f"p{n}", "published", n) for n in range(50)]

    async def write() -> list[Receipt]:
        async with database.connection() as conn:
            return [receipt for event in events for receipt in await append(conn, [event])]

    answers = await asyncio.gather(*(write() for _ in range(6)))
    async with database.connection() as conn:
        assert await conn.fetchval("select count(*) from events") == len(events)
    for receipts in zip(*answers, strict=True):
        assert len({receipt.position for receipt in receipts}) == 1
        assert sum(not receipt.duplicate for receipt in receipts) == 1


async def test_who_appends_the_same_in_another_order_waits_for_it_and_appends_the_rest(database: Database) -> None:
    one, other, third = (told(f"p{n}", "published", n) for n in range(3))
    async with database.connection() as conn, database.transaction() as blocking:
        await blocking.execute("set local deadlock_timeout = '1min'")
        await append(blocking, [one])
        appending = asyncio.create_task(append(conn, [other, one, third]))
        await until_blocked(database)
        assert [receipt.duplicate for receipt in await append(blocking, [other])] == [False]
        await blocking.execute("commit; begin")
        assert [receipt.duplicate for receipt in await appending] == [True, True, False]


async def test_an_event_about_several_posts_is_kept_for_each_or_not_at_all(database: Database) -> None:
    more = tuple((post, bucket_of("sosyalkopru", post)) for post in ("p2", "p3"))
    event = replace(told("p1", "removed", 1), more_posts=more)
    async with database.connection() as conn:
        await append(conn, [event])
        await append(conn, [event])
        rows = await conn.fetch("select post, part from events order by part")
    assert [tuple(row) for row in rows] == [("p1", 0), ("p2", 1), ("p3", 2)]


async def test_what_postgres_cannot_hold_keeps_nothing_of_the_batch(database: Database) -> None:
    async with database.connection() as conn:
        with pytest.raises(Unstorable):
            await append(conn, [told("fine", "published", 1), told("nul\x00", "published", 2)])
        assert await conn.fetchval("select count(*) from events") == 0
        assert await conn.fetchval("select count(*) from deliveries") == 0


async def test_a_day_gets_its_partition_when_its_first_event_comes(database: Database) -> None:
    async with database.connection() as conn:
        for days in (0, 40, -400):
            await append(conn, [told(f"p{days}", "published", 1, now=NOON + timedelta(days=days))])
        assert await conn.fetchval("select count(*) from log_days") == 3
        assert await conn.fetchval("select count(*) from events") == 3


async def test_an_event_of_a_sealed_day_goes_into_the_next_open_one(database: Database) -> None:
    async with database.connection() as conn:
        await append(conn, [told("p1", "publishing", 1)])
        await conn.execute("select seal_log_day($1)", NOON.date())
        (receipt,) = await append(conn, [told("p1", "published", 2)])
        day = await conn.fetchval("select day from events where position = $1", receipt.position)
    assert day == NOON.date() + timedelta(days=1)


async def test_every_append_tells_the_listeners_once(database: Database, connection: asyncpg.Connection) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await connection.add_listener("tracker_events", lambda *said: heard.put_nowait(said[2]))
    async with database.connection() as conn:
        await append(conn, [told(f"p{n}", "published", n) for n in range(20)])
        await append(conn, [told("p1", "published", 1)])
        await conn.execute("notify tracker_events, 'end'")
    assert await asyncio.wait_for(heard.get(), 10) == "tracker_events"
    async with asyncio.timeout(10):
        await heard.get()
    assert heard.empty()
