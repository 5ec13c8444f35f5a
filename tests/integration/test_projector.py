"""The processor: what the log says becomes posts, in any order, shared by nodes, past poison, and the same again."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.told import NOON, PROVIDER, Reader, told
from tests.processing import USUAL, a_processor
from tracker.process.processor import Pace
from tracker.process.projector import Projector
from tracker.process.rebuild import Rebuild
from tracker.store.log.event_log import append
from tracker.store.log.feed import beginning
from tracker.stream import changes

if TYPE_CHECKING:
    from tracker.process.processor import Processor
    from tracker.process.rebuild import Difference
    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

pytestmark = pytest.mark.anyio

READERS = {PROVIDER: Reader()}


async def a_node(database: Database, name: str, pace: Pace = USUAL) -> Processor:
    """A processor of its own name on the shared database."""
    return await a_processor(database, READERS, name, pace)


async def keep(database: Database, *events: Incoming) -> None:
    """Append, each in a transaction of its own."""
    async with database.connection() as conn:
        for event in events:
            await append(conn, [event])


async def project(database: Database, *events: Incoming) -> None:
    """Append and project everything."""
    await keep(database, *events)
    node = await a_node(database, "only")
    await node.tend()
    await node.drain()


async def states(database: Database) -> dict[str, tuple[str, int]]:
    """State and attempt of each post."""
    async with database.connection() as conn:
        rows = await conn.fetch("select p.* from posts p join projections v on p.projection = v.version and v.current")
    return {row["post"]: (row["state"], row["attempt"]) for row in rows}


async def rebuild(database: Database) -> Difference:
    """The whole log, folded again."""
    return await Rebuild(database, READERS, lambda: NOON, lambda _done, _total: None).run()


def stories(posts: int) -> list[Incoming]:
    """Each post fails, is tried again and is published, on two targets."""
    return [
        told(f"p{n}", state, second, targets={"x": x, "instagram": state})
        for n in range(posts)
        for second, state, x in (
            (1, "scheduled", "scheduled"), (2, "publishing", "publishing"), (3, "failed", "published"),
            (4, "publishing", "published"), (5, "published", "published"),
        )
    ]  # fmt: skip


async def test_a_post_is_what_its_targets_are(database: Database) -> None:
    await project(database, told("p1", None, 1, targets={"x": "published", "instagram": "failed"}))
    assert await states(database) == {"p1": ("partial", 1)}


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_of_arrival_and_any_batching_ends_in_the_same_posts(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    events = stories(12)
    chance.shuffle(events)
    node = await a_node(database, "only", Pace(batch=chance.choice([1, 7, 2000])))
    await node.tend()
    for event in [*events, *events[:9]]:
        await keep(database, event)
        if chance.random() < 0.3:
            await node.drain()
    await node.drain()
    assert set((await states(database)).values()) == {("published", 2)}
    assert (await rebuild(database)).none


async def test_what_moved_is_kept_and_what_changed_is_worked_out(database: Database) -> None:
    await project(database, told("p1", "publishing", 1), told("p1", "published", 9), told("p1", "failed", 5))
    async with database.connection() as conn:
        rows = await conn.fetch("select before, after, superseded from transitions order by cause")
        made = await changes.of_post(conn, READERS, (PROVIDER, "p1"))
    assert [tuple(row) for row in rows] == [
        (None, "publishing", False), ("publishing", "published", False), ("publishing", "failed", True),
    ]  # fmt: skip
    assert [(change.kind, change.before, change.after) for change in made] == [
        ("moved", None, "publishing"), ("moved", "publishing", "published"), ("revised", "published", "published"),
    ]  # fmt: skip


async def test_a_poison_event_is_parked_and_its_bucket_goes_on(database: Database) -> None:
    await project(database, told("p1", "publishing", 1), told("poison", "failed", 2), told("p1", "published", 3))
    assert await states(database) == {"p1": ("published", 1)}
    async with database.connection() as conn:
        assert await conn.fetchval("select error from parked") == "ValueError: poison"


async def test_a_fact_of_no_post_is_a_change_without_a_post(database: Database) -> None:
    await project(database, told(None, None, 1))
    assert await states(database) == {}
    async with database.connection() as conn:
        (change,) = await changes.of_events(conn, READERS, await conn.fetch("select * from events"))
    assert (change.post, change.kind) == (None, "noted")


async def test_two_nodes_share_the_buckets_and_one_takes_over_what_the_other_leaves(database: Database) -> None:
    first, second = await a_node(database, "first"), await a_node(database, "second")
    await first.tend()
    await second.tend()
    await first.tend()
    await second.tend()
    async with database.connection() as conn:
        held = await conn.fetch("select owner, count(*) from subscriptions group by owner order by owner")
    assert [tuple(row) for row in held] == [("first", 8), ("second", 8)]
    await keep(database, *stories(20))
    await first.drain()
    done_by_one = await states(database)
    await second.drain()
    assert 0 < len(done_by_one) < len(await states(database)) == 20
    await second.leave()
    await first.tend()
    async with database.connection() as conn:
        assert await conn.fetchval("select count(*) from subscriptions where owner = 'first'") == 16


async def test_a_node_that_has_lost_its_lease_writes_nothing(database: Database) -> None:
    dead = await a_node(database, "dead", Pace(lease=timedelta(seconds=-1)))
    alive = await a_node(database, "alive")
    await dead.tend()
    await alive.tend()
    await keep(database, told("p1", "published", 1))
    await dead.drain()
    assert await states(database) == {}
    await alive.drain()
    assert await states(database) == {"p1": ("published", 1)}


async def test_a_rebuild_says_what_differs_then_switches(database: Database) -> None:
    await project(database, *stories(5))
    async with database.connection() as conn:
        await conn.execute(
            "update posts set state = 'failed', fold = jsonb_set(fold::jsonb, '{state}', '\"failed\"')"
            " where post = 'p3'"
        )
    difference = await rebuild(database)
    assert (difference.different, difference.posts) == (1, 5)
    assert difference.sample == [(PROVIDER, "p3", "failed", "published")]
    assert (await states(database))["p3"] == ("published", 2)
    await project(database, told("p3", "removed", 60))
    assert (await states(database))["p3"][0] == "removed"


async def test_a_batch_costs_a_fixed_number_of_statements(database: Database) -> None:
    await project(database, told("warm", "published", 1))
    async with database.connection() as conn:
        await append(conn, stories(100))
    node = await a_node(database, "only")
    statements: list[str] = []
    async with database.transaction() as conn:
        with conn.query_logger(lambda record: statements.append(record.query)):
            rows = await conn.fetch("select * from events where post <> 'warm'")
            statements.clear()
            async with conn.transaction():
                await Projector(READERS, "processor").fold(conn, rows, beginning(1), [])
    assert node
    assert len(statements) <= 8
