"""Days of the log are sealed and dropped, and the posts do not notice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import READERS, Corridor
from tests.integration.test_reactor import ALERT, on
from tests.integration.told import NOON, told
from tracker.process.rebuild import Rebuild
from tracker.process.retention import drop_old_days, open_days_ahead, prune_records, seal_past_days
from tracker.store.log.event_log import append

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DAY = 24 * 3600


async def _age(corridor: Corridor, days: int) -> None:
    """Move on, seal, and let every reader see the seal."""
    corridor.at = days * DAY
    await open_days_ahead(corridor.database, corridor.now())
    await seal_past_days(corridor.database, corridor.now())
    await corridor.settle()


async def test_dropping_a_day_changes_no_post_and_a_rebuild_still_agrees(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("over", "publishing", 1), told("over", "published", 2), told("goes-on", "failed", 3))
    later = NOON + timedelta(days=5)
    corridor.at = 5 * DAY
    await corridor.tell(
        told("goes-on", "publishing", 5 * DAY, now=later), told("goes-on", "published", 5 * DAY + 9, now=later)
    )
    before = await corridor.rows("select post, fold::text from posts order by post")
    await _age(corridor, 9)
    dropped = await drop_old_days(database, READERS, corridor.now(), timedelta(days=6))
    assert dropped == [NOON.date()]
    difference = await Rebuild(database, READERS, corridor.now, lambda _done, _total: None).run()
    assert difference.none
    assert await corridor.rows("select post, fold::text from posts order by post") == before
    assert await corridor.rows("select post, attempt from posts where post = 'goes-on'") == [("goes-on", 2)]


async def test_a_delivery_of_a_dropped_day_is_still_known_for_a_repeat(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("p1", "published", 1))
    await _age(corridor, 9)
    await drop_old_days(database, READERS, corridor.now(), timedelta(days=3))
    async with database.connection() as conn:
        (receipt,) = await append(conn, [told("p1", "published", 1)])
    assert receipt.duplicate


async def test_a_day_that_the_processor_has_not_read_is_not_dropped(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.keep(told("p1", "published", 1))
    await seal_past_days(database, NOON + timedelta(days=9))
    assert await drop_old_days(database, READERS, NOON + timedelta(days=9), timedelta(days=3)) == []


async def test_a_day_with_a_parked_event_is_not_dropped(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("poison", "published", 1))
    await _age(corridor, 9)
    assert await drop_old_days(database, READERS, corridor.now(), timedelta(days=3)) == []


async def test_a_reader_leaves_out_days_whose_seal_it_has_seen(database: Database) -> None:
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("p1", "publishing", 1))
    await _age(corridor, 9)
    await corridor.tell(told("p1", "published", 9 * DAY, now=NOON + timedelta(days=9)))
    assert await corridor.rows("select state from posts") == [("published",)]


async def test_records_are_forgotten_when_they_are_older_than_they_are_kept(database: Database) -> None:
    corridor = await Corridor(database, [on("post.failed", ALERT)]).open()
    await corridor.tell(told("p1", "failed", 1, "d1"), told("p1", "failed", 1, "d1"))
    week = timedelta(days=7)
    await prune_records(database, corridor.now() + timedelta(days=6), week, week, week)
    assert await corridor.rows("select count(*) from actions, runs, repeats") == [(1,)]
    await prune_records(database, corridor.now() + timedelta(days=8), week, week, week)
    for table in ("actions", "action_attempts", "runs", "run_moves", "repeats"):
        assert await corridor.rows(f"select * from {table}") == []
    await corridor.tell(told("p1", "failed", 1, "d2"))
    assert await corridor.rows("select * from actions") == []
