"""Shares of buckets: cut and joined as nodes come and go, moved by one row, and found at once however old a reader."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.told import NOON, PROVIDER, Reader, told
from tracker.errors import Unavailable
from tracker.process import projector
from tracker.process.projector import Projector
from tracker.store.checkpoints import assignments, subscriptions
from tracker.store.checkpoints.snapshot import beginning
from tracker.store.log import feed
from tracker.store.log.event_log import append
from tracker.store.log.feed import EVENTS
from tracker.store.wakeups import EVENTS as EVENTS_CHANNEL
from tracker.stream.subscription import Pace, Subscription

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

OWNERS = "select owner, count(*) from subscriptions group by owner order by owner"
PIECES = "select buckets from shares where name = 'projector' order by share"
READERS = {PROVIDER: Reader()}
USUAL = Pace()
MOVED = "select count(*), count(distinct cause), count(distinct fact) from changes where live"


async def nodes(database: Database, *names: str, pace: Pace = USUAL) -> list[Subscription]:
    async with database.transaction() as conn:
        await assignments.create(conn, projector.NAME, beginning(1))
    return [
        Subscription(projector.NAME, EVENTS, EVENTS_CHANNEL, Projector(READERS), database, name, lambda: NOON, pace)
        for name in names
    ]


async def keep(database: Database, posts: int, at: int) -> None:
    """One event for each post, each in a transaction of its own."""
    async with database.connection() as conn:
        for number in range(posts):
            await append(conn, [told(f"p{number}", "publishing", at)])


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.connection() as conn:
        return [tuple(row) for row in await conn.fetch(query)]


async def steps_until_rest(node: Subscription, most: int = 30) -> int:
    for number in range(most):
        if not await node.step():
            return number
    raise AssertionError(f"it still has something to do after {most} steps")


async def tend_all(*all_of: Subscription) -> None:
    for _ in range(2):
        for node in all_of:
            await node.tend()


async def test_what_was_taken_over_stands_together_with_the_rest_after_some_steps_and_the_reader_rests(
    database: Database,
) -> None:
    first, second = await nodes(database, "first", "second")
    await tend_all(first, second)
    assert await rows(database, PIECES) == [([*range(8)],), ([*range(8, 16)],)]
    await keep(database, 20, at=1)
    await first.drain()
    await keep(database, 20, at=2)
    await second.drain()
    await second.leave()
    await first.tend()
    await steps_until_rest(first)
    assert await rows(database, PIECES) == [([*range(16)],)]
    assert await steps_until_rest(first) == 0
    assert await rows(database, MOVED) == [(40, 40, 40)]


async def test_it_also_comes_to_rest_when_it_was_taken_over_in_the_middle_of_a_batch_beside_an_open_transaction(
    database: Database,
) -> None:
    first, second = await nodes(database, "first", "second", pace=Pace(batch=3))
    await tend_all(first, second)
    await keep(database, 1, at=0)
    async with database.transaction() as held:
        await append(held, [told("late", "publishing", 1)])
        await keep(database, 30, at=1)
        await second.step()
        await first.drain()
        await second.leave()
        await first.tend()
        await steps_until_rest(first, 60)
        assert await rows(database, MOVED) == [(31, 31, 31)]
    await steps_until_rest(first)
    assert await rows(database, PIECES) == [([*range(16)],)]
    assert await rows(database, MOVED) == [(32, 32, 32)]


async def test_three_nodes_have_fair_shares_and_one_that_is_left_alone_has_all(database: Database) -> None:
    first, second, third = await nodes(database, "first", "second", "third")
    await tend_all(first, second, third)
    assert await rows(database, OWNERS) == [("first", 6), ("second", 6), ("third", 4)]
    await first.leave()
    await third.leave()
    await second.tend()
    assert await rows(database, OWNERS) == [("second", 16)]


async def test_no_event_is_missed_or_handled_twice_while_shares_go_round(database: Database) -> None:
    chance = random.Random(5)
    going_round = await nodes(database, "first", "second", "third", pace=Pace(batch=7))
    kept = asyncio.create_task(keep(database, 150, at=1))

    async def live(node: Subscription, choices: list[str]) -> None:
        for choice in choices:
            await {"tend": node.tend, "leave": node.leave}.get(choice, node.step)()

    lives = [chance.choices(["tend", "step", "leave"], [4, 8, 1], k=60) for _ in going_round]
    await asyncio.gather(*map(live, going_round, lives))
    await kept
    for node in going_round[1:]:
        await node.leave()
    await tend_all(going_round[0])
    await steps_until_rest(going_round[0], 200)
    assert await rows(database, MOVED) == [(150, 150, 150)]
    assert await rows(database, PIECES) == [([*range(16)],)]


async def test_from_a_place_that_is_passed_nothing_is_written(database: Database) -> None:
    (node,) = await nodes(database, "only")
    await node.tend()
    async with database.transaction() as conn:
        held = await subscriptions.lock_held(conn, projector.NAME, "only")
    await node.step()
    assert held
    async with database.transaction() as conn:
        with pytest.raises(Unavailable, match="somebody else has moved the projector"):
            await subscriptions.advance(conn, projector.NAME, held.standings, held.head, NOON)
    assert await rows(database, "select step from places") == [(2,)]


async def test_a_reader_that_stays_for_long_does_not_make_the_next_steps_slower(database: Database) -> None:
    """What it keeps from being cleaned up is not passed on the way to the newest place."""
    (node,) = await nodes(database, "only")
    await node.tend()
    async with database.snapshot() as reader:
        await reader.fetchval("select count(*) from places")
        few = await pages_of_a_step(database)
        async with database.transaction() as conn:
            held = await subscriptions.lock_held(conn, projector.NAME, "only")
            assert held
            standings = held.standings
        for _ in range(1500):
            async with database.transaction() as conn:
                held = await subscriptions.lock_held(conn, projector.NAME, "only")
                assert held
                await subscriptions.advance(conn, projector.NAME, held.standings, held.head, NOON)
        assert await pages_of_a_step(database) <= few + 8
        assert held.standings[0].step == standings[0].step + 1499


async def pages_of_a_step(database: Database) -> int:
    async with database.transaction() as conn:
        statement = "explain (analyze, buffers, format json) " + subscriptions.LOCK_HELD
        (top,) = await conn.fetchval(statement, projector.NAME, "only", projector.NAME)
    return int(top["Plan"]["Shared Hit Blocks"]) + int(top["Plan"]["Shared Read Blocks"])


async def test_a_lease_that_has_lapsed_is_taken_by_the_next_who_tends(database: Database) -> None:
    (dead,) = await nodes(database, "dead", pace=Pace(lease=timedelta(seconds=-1)))
    (alive,) = await nodes(database, "alive")
    await dead.tend()
    await alive.tend()
    assert ("dead", 16) not in await rows(database, OWNERS)
    assert await dead.step() is False


async def test_the_head_and_the_feed_above_are_seen_at_one_moment(database: Database) -> None:
    (node,) = await nodes(database, "only")
    await node.tend()
    await node.step()
    async with database.transaction() as conn:
        held = await subscriptions.lock_held(conn, projector.NAME, "only", projector.NAME)
        assert held
        assert held.standings[0].complete == NOON
        assert held.head.holds(held.standings[0].checkpoint)
        assert (await feed.head(conn)).epoch == held.head.epoch
