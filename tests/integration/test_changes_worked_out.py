"""Changes are not kept: what is worked out again from the log is what was folded, whatever the batches."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.integration.corridor import READERS, Corridor
from tests.integration.test_live_equals_replay import a_fact
from tests.integration.told import NOON, PROVIDER, told
from tracker.domain.posts.arrival import with_accounts
from tracker.process.projector import Folded, Projector
from tracker.process.retention import drop_old_days, open_days_ahead, seal_past_days
from tracker.store.database import set_codecs
from tracker.store.log.event_log import append
from tracker.store.log.feed import EVENTS
from tracker.stream import changes

if TYPE_CHECKING:
    from tracker.domain.posts.change import Change
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DAY = 24 * 3600
MOVED = "select cause, target, before, after, attempt, superseded, again from transitions"
LOG = f"select {EVENTS.columns} from events order by position"


class Overheard(Projector):
    """Remembers what it has answered."""

    def __init__(self) -> None:
        super().__init__(READERS, "processor")
        self.made: list[Change] = []

    async def fold(self, *batch: Any, **more: Any) -> Folded:
        folded = await super().fold(*batch, **more)
        self.made += folded.changes
        return folded


async def a_corridor(database: Database) -> tuple[Corridor, Overheard]:
    corridor, projector = await Corridor(database, []).open(), Overheard()
    corridor.processor.projector = projector
    return corridor, projector


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_worked_out_is_what_was_folded_in_whatever_batches(database: Database, seed: int) -> None:
    """At once, and page by page with hardly a post in memory."""
    chance = Random(seed)
    corridor, projector = await a_corridor(database)
    for _ in range(120):
        corridor.at += chance.choice([0, 1, 7, 40])
        await corridor.keep(a_fact(chance, corridor.at))
        if chance.random() < 0.3:
            await corridor.settle()
    await corridor.settle()
    async with database.connection() as conn:
        log = await conn.fetch(LOG)
        assert [*with_accounts(await changes.of_events(conn, READERS, log), {})] == projector.made
        followed, pages = changes.Followed(READERS, room=2), []
        while log:
            size = chance.randint(1, 9)
            pages += await followed.changes(conn, log[:size])
            log = log[size:]
    assert [*with_accounts(pages, {})] == projector.made
    assert {change.kind for change in pages} == {"moved", "noted", "revised"}
    moves = Counter(
        (change.cause, move.target, move.before, move.after, move.attempt, move.superseded, move.again)
        for change in projector.made
        for move in change.moves
    )
    assert Counter(await corridor.rows(MOVED)) == moves


async def test_of_two_at_the_same_moment_the_earlier_position_counts_whoever_was_folded_first(
    database: Database, database_url: str
) -> None:
    """The one thing in which the two may differ: batches are read in the order in which transactions end."""
    corridor, projector = await a_corridor(database)
    await corridor.tell(told("p0", "scheduled", 0))
    slow = await asyncpg.connect(database_url)
    await set_codecs(slow)
    transaction = slow.transaction()
    await transaction.start()
    await append(slow, [told("p1", "scheduled", 1)])
    await corridor.tell(told("p1", "published", 2))
    await transaction.commit()
    await slow.close()
    await corridor.settle()
    folded = [(change.kind, change.event) for change in projector.made if change.post == "p1"]
    assert folded == [("moved", "post.published"), ("revised", "post.scheduled")]
    async with database.connection() as conn:
        made = await changes.of_post(conn, READERS, (PROVIDER, "p1"))
    worked_out = [(change.kind, change.event) for change in made]
    assert worked_out == [("moved", "post.scheduled"), ("moved", "post.published")]
    assert made[-1].after == projector.made[-1].after == "published"


async def test_what_is_kept_no_longer_is_where_the_changes_begin(database: Database) -> None:
    corridor, _ = await a_corridor(database)
    await corridor.tell(told("p1", "publishing", 1), told("p1", "failed", 2), told("over", "published", 3))
    corridor.at = 5 * DAY
    await corridor.tell(told("p1", "publishing", 5 * DAY, now=corridor.now()))
    await corridor.tell(told("p1", "published", 1, "late", now=corridor.now()))
    corridor.at = 9 * DAY
    await open_days_ahead(database, corridor.now())
    await seal_past_days(database, corridor.now())
    await corridor.settle()
    assert await drop_old_days(database, READERS, corridor.now(), timedelta(days=6)) == [NOON.date()]
    async with database.connection() as conn:
        of_posts = await changes.of_posts(conn, READERS, [(PROVIDER, "p1"), (PROVIDER, "over")])
    begun, late = of_posts[PROVIDER, "p1"]
    assert (begun.before, begun.after, begun.attempt) == ("failed", "publishing", 2)
    assert [note.code for note in late.notes] == ["before_kept_history"]
    assert of_posts[PROVIDER, "over"] == []
    assert await corridor.rows("select distinct post from transitions") == [("p1",)]
