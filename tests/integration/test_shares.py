"""Shares of buckets: cut and joined as nodes come and go, moved by one row, and found at once however old a reader."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.told import NOON, PROVIDER, Reader, told
from tests.processing import USUAL, a_processor
from tests.waiting import until
from tracker.errors import Unavailable
from tracker.process import processor
from tracker.process.processor import Pace
from tracker.store.checkpoints import subscriptions
from tracker.store.database import Database
from tracker.store.log.event_log import append
from tracker.store.log.feed import beginning
from tracker.store.wakeups import Wakeups

if TYPE_CHECKING:
    from tracker.process.processor import Processor
    from tracker.store.checkpoints.subscriptions import Held, SubscriptionState

pytestmark = pytest.mark.anyio

OWNERS = "select owner, count(*) from subscriptions group by owner order by owner"
PIECES = "select buckets from shares where name = 'processor' order by share"
READERS = {PROVIDER: Reader()}
FOLDED = """
select (select sum(version)::int from posts), (select count(*) - count(distinct cause) from transitions)
"""
"""How many facts are in posts, and how many moves are kept twice."""


async def nodes(database: Database, *names: str, pace: Pace = USUAL) -> list[Processor]:
    return [await a_processor(database, READERS, name, pace) for name in names]


async def keep(database: Database, posts: int, at: int) -> None:
    """One event for each post, each in a transaction of its own."""
    async with database.connection() as conn:
        for number in range(posts):
            await append(conn, [told(f"p{number}", "publishing", at)])


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.connection() as conn:
        return [tuple(row) for row in await conn.fetch(query)]


async def counts(database: Database) -> list[int]:
    """How many buckets each node holds that holds some."""
    async with database.connection() as conn:
        return [int(row["count"]) for row in await conn.fetch(OWNERS) if row["owner"]]


async def steps_until_rest(node: Processor, most: int = 30) -> int:
    for number in range(most):
        if not await node.step():
            return number
    raise AssertionError(f"it still has something to do after {most} steps")


async def tend_all(*all_of: Processor) -> None:
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
    assert await rows(database, FOLDED) == [(40, 0)]


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
        assert await rows(database, FOLDED) == [(31, 0)]
    await steps_until_rest(first)
    assert await rows(database, PIECES) == [([*range(16)],)]
    assert await rows(database, FOLDED) == [(32, 0)]


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

    async def live(node: Processor, choices: list[str]) -> None:
        for choice in choices:
            with suppress(Unavailable):  # who comes second begins again, as the agent does
                await {"tend": node.tend, "leave": node.leave}.get(choice, node.step)()

    lives = [chance.choices(["tend", "step", "leave"], [4, 8, 1], k=60) for _ in going_round]
    await asyncio.gather(*map(live, going_round, lives))
    await kept
    for node in going_round[1:]:
        await node.leave()
    await tend_all(going_round[0])
    await steps_until_rest(going_round[0], 200)
    assert await rows(database, FOLDED) == [(150, 0)]
    assert await rows(database, PIECES) == [([*range(16)],)]


async def held_by(database: Database, node: str) -> Held:
    async with database.autocommit() as conn:
        reading = await subscriptions.read(conn, processor.NAME, node, None, 100)
    assert reading
    return reading[0]


async def move(database: Database, node: str, held: Held) -> SubscriptionState:
    async with database.transaction() as conn:
        return await subscriptions.advance(conn, processor.NAME, node, held.standings, held.head, NOON)


async def test_from_a_place_that_is_passed_nothing_is_written(database: Database) -> None:
    (node,) = await nodes(database, "only")
    await node.tend()
    held = await held_by(database, "only")
    await node.step()
    with pytest.raises(Unavailable, match="somebody else has moved the processor"):
        await move(database, "only", held)
    assert await rows(database, "select step from places") == [(2,)]


async def test_who_lost_a_share_in_the_middle_of_a_step_may_end_it_once_and_the_heir_goes_on(
    database: Database,
) -> None:
    first, heir = await nodes(database, "first", "heir")
    await first.tend()
    held = await held_by(database, "first")
    await first.leave()
    await heir.tend()
    inherited = await held_by(database, "heir")
    await move(database, "first", held)
    with pytest.raises(Unavailable, match="somebody else has moved the processor"):
        await move(database, "heir", inherited)
    assert await heir.step() is False
    assert await first.step() is False


async def test_a_share_that_is_cut_in_the_middle_of_a_step_is_not_moved_by_it(database: Database) -> None:
    """Otherwise what the step has handled would be handled once more for the piece that was cut off."""
    first, heir = await nodes(database, "first", "heir")
    await first.tend()
    held = await held_by(database, "first")
    async with database.transaction() as conn:
        await conn.execute("update shares set leased_until = 'epoch'")
    await heir.tend()
    assert await rows(database, PIECES) == [([*range(8)],), ([*range(8, 16)],)]
    with pytest.raises(Unavailable, match="somebody else has moved the processor"):
        await move(database, "first", held)


async def test_a_share_that_is_moved_at_this_moment_is_not_cut(database: Database) -> None:
    first, heir = await nodes(database, "first", "heir")
    await first.tend()
    held = await held_by(database, "first")
    async with database.transaction() as conn:
        await conn.execute("update shares set leased_until = 'epoch'")
    async with database.transaction() as conn:
        await subscriptions.advance(conn, processor.NAME, "first", held.standings, held.head, NOON)
        tending = asyncio.create_task(heir.tend())
        await until(lambda: waits_for_a_lock(database), "the cut waits for the step")
    with pytest.raises(Unavailable, match="somebody has moved the processor"):
        await tending
    assert await rows(database, PIECES) == [([*range(16)],)]


async def test_shares_are_not_joined_when_one_of_them_is_another_nodes_by_now(database: Database) -> None:
    first, second = await nodes(database, "first", "second")
    await tend_all(first, second)
    await second.leave()
    await first.tend()
    held = await held_by(database, "first")
    assert len(held.hindmost) == 2
    async with database.transaction() as conn:
        await conn.execute("update shares set owner = 'second' where share = 8")
    with pytest.raises(Unavailable, match="somebody else has moved the processor"):
        await move(database, "first", held)
    assert await rows(database, PIECES) == [([*range(8)],), ([*range(8, 16)],)]


async def test_shares_are_joined_to_the_one_that_bears_their_lowest_name(database: Database) -> None:
    """However the rows lie: by its first bucket a share is found by whoever claims it."""
    first, second = await nodes(database, "first", "second")
    await tend_all(first, second)
    await second.leave()
    await first.tend()
    async with database.transaction() as conn:
        await conn.execute("update shares set lease = lease + 1 where share = 0")
    await first.drain()
    assert await rows(database, "select share, buckets from shares") == [(0, [*range(16)])]


async def waits_for_a_lock(database: Database) -> bool:
    return bool(await rows(database, "select from pg_stat_activity where wait_event_type = 'Lock'"))


async def test_a_reader_that_stays_for_long_does_not_make_the_next_steps_slower(database: Database) -> None:
    """What it keeps from being cleaned up is not passed on the way to the newest place."""
    (node,) = await nodes(database, "only")
    await node.tend()
    async with database.snapshot() as reader:
        await reader.fetchval("select count(*) from places")
        few = await pages_of_a_step(database)
        first = await held_by(database, "only")
        for _ in range(1500):
            held = await held_by(database, "only")
            await move(database, "only", held)
        assert await pages_of_a_step(database) <= few + 8
        assert held.standings[0].step == first.standings[0].step + 1499


async def pages_of_a_step(database: Database) -> int:
    async with database.transaction() as conn:
        statement = "explain (analyze, buffers, format json) " + subscriptions.READ
        (top,) = await conn.fetchval(statement, 1, [], beginning(1).raw, 1, [], 100, processor.NAME, "only")
    return int(top["Plan"]["Shared Hit Blocks"]) + int(top["Plan"]["Shared Read Blocks"])


async def test_what_was_under_way_is_looked_for_only_where_something_was(database: Database) -> None:
    """For where few transactions wrote much, Postgres would walk over whole days."""
    await keep(database, 1, at=1)
    few, many = [await parts_that_scan_events(database, running) for running in ([], [7])]
    assert 0 < few < many


async def parts_that_scan_events(database: Database, running: list[int]) -> int:
    async with database.connection() as conn:
        statement = f"explain {subscriptions.READ}"
        plan = await conn.fetch(statement, 1, [1], beginning(1).raw, 1, running, 100, processor.NAME, "only")
    return sum(" events_2" in row[0] for row in plan)


async def test_a_lease_that_has_lapsed_is_taken_by_the_next_who_tends(database: Database) -> None:
    (dead,) = await nodes(database, "dead", pace=Pace(lease=timedelta(seconds=-1)))
    (alive,) = await nodes(database, "alive")
    await dead.tend()
    await alive.tend()
    assert ("dead", 16) not in await rows(database, OWNERS)
    assert await dead.step() is False


async def test_who_comes_and_who_is_left_has_its_share_at_once(database: Database) -> None:
    """However long a lease lasts, and so the pause between two looks."""
    names = ["first", "second", "third"]
    patient = await nodes(database, *names, pace=Pace(lease=timedelta(days=1)))
    async with AsyncExitStack() as stack:
        running = {}
        for node, name in zip(patient, names, strict=True):
            others = await stack.enter_async_context(Database.open(database.dsn, size=2))
            wakeups = await stack.enter_async_context(Wakeups(database.dsn, others.waker).listening())
            running[name] = asyncio.create_task(node.run(wakeups))
            stack.callback(running[name].cancel)
            fair = {1: [16], 2: [8, 8], 3: [4, 6, 6]}[len(running)]

            async def are_fair(fair: list[int] = fair) -> bool:
                return sorted(await counts(database)) == fair

            await until(are_fair, "all have their share")
        running["third"].cancel()
        await patient[2].leave()

        async def are_taken() -> bool:
            return await counts(database) == [8, 8]

        await until(are_taken, "what the third had is taken")


async def test_a_step_that_finds_nothing_writes_nothing_and_says_at_times_that_it_has_read_all(
    database: Database,
) -> None:
    now = NOON
    node = await a_processor(database, READERS, clock=lambda: now)
    await node.tend()
    await node.drain()
    stood = await rows(database, "select step, caught_up_at from places")
    assert await node.step() is False
    assert await rows(database, "select step, caught_up_at from places") == stood
    now += USUAL.sign
    assert await node.step() is False
    assert await rows(database, "select step, caught_up_at from places") == [(3, now)]


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_a_node_that_knows_where_it_stands_reads_whole_transactions(database: Database, batch: int) -> None:
    (node,) = await nodes(database, "only", pace=Pace(batch=batch))
    await node.tend()
    await keep(database, 1, at=0)
    await node.drain()
    async with database.transaction() as late, database.connection() as conn:
        await append(late, [told("late", "publishing", 1)])
        await append(conn, [told(f"p{number}", "publishing", 1) for number in range(7)])
        await node.drain()
        await append(conn, [told(f"q{number}", "publishing", 1) for number in range(7)])
        assert await rows(database, FOLDED) == [(8, 0)]
    await node.drain()
    assert await rows(database, FOLDED) == [(16, 0)]
