"""Posts of an older fold are made anew beside those in use: nothing fires, and timers follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import READERS, Corridor
from tests.integration.told import told
from tests.unit.reactions import during, on
from tracker.domain.posts.event import State
from tracker.domain.posts.post import FOLD_VERSION
from tracker.errors import Unavailable
from tracker.process.reactor import Reactor
from tracker.process.rebuild import Rebuild
from tracker.process.refolding import Refolding, rebuilt_apart
from tracker.store.posts import projections

if TYPE_CHECKING:
    from tracker.process.rebuild import Difference
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

RULES = (on("post.published", id="out"), during(State.PUBLISHING, id="stuck"))
MISTAKEN = """
update posts set state = 'scheduled', fold = jsonb_set(fold::jsonb, '{state}', '"scheduled"')
"""


async def an_older_one(database: Database) -> Corridor:
    """An installation whose posts an older fold has mistaken."""
    corridor = await Corridor(database, RULES).open()
    await corridor.tell(told("p1", "publishing", 0), told("p2", "publishing", 0), told("p2", "published", 5))
    async with database.transaction() as conn:
        await conn.execute(MISTAKEN)
        await conn.execute("update projections set fold_version = 1")
        await conn.execute("delete from timers")
    return corridor


def refolding(database: Database, corridor: Corridor) -> Refolding:
    reacting = Reactor(lambda: corridor.rules, corridor.now, READERS)

    async def anew() -> Difference:
        return await Rebuild(database, READERS, corridor.now, lambda _done, _total: None, processes=1).run()

    return Refolding(database, reacting.arm_anew, anew)


async def test_posts_are_made_anew_once_and_nothing_fires(database: Database) -> None:
    corridor = await an_older_one(database)
    before = await corridor.rows("select count(*) from firings")
    again = refolding(database, corridor)
    assert (await again.look(), await again.look()) == (True, False)
    states = "select post, state from posts join projections v on v.version = projection and v.current order by 1"
    assert await corridor.rows(states) == [("p1", "publishing"), ("p2", "published")]
    await corridor.settle()
    assert await corridor.rows("select count(*) from firings") == before
    assert await corridor.rows("select fold_version, armed from projections") == [(FOLD_VERSION, True)]


async def test_timers_follow_the_new_state_but_what_is_past_stays_past(database: Database) -> None:
    corridor = await an_older_one(database)
    corridor.at = 60
    await refolding(database, corridor).look()
    assert await corridor.rows("select rule, key from timers") == [("stuck", "sosyalkopru/p1")]
    async with database.transaction() as conn:
        await conn.execute("delete from timers")
        await conn.execute("update projections set armed = false")
    corridor.at = 3600
    assert await refolding(database, corridor).look() is False
    assert await corridor.rows("select rule from timers") == []


async def test_where_nothing_has_come_nothing_is_made_anew(database: Database) -> None:
    corridor = await Corridor(database, RULES).open()
    async with database.transaction() as conn:
        await conn.execute("update projections set fold_version = 1")
    assert await refolding(database, corridor).look() is False
    assert await corridor.rows("select version, fold_version from projections") == [(1, FOLD_VERSION)]


async def test_what_a_newer_version_made_is_left_alone(database: Database) -> None:
    corridor = await an_older_one(database)
    async with database.transaction() as conn:
        await conn.execute("update projections set fold_version = 99")
    assert await refolding(database, corridor).look() is False


async def test_it_is_done_in_a_process_of_its_own(database: Database, database_url: str) -> None:
    corridor = await an_older_one(database)
    found = await rebuilt_apart(database_url, READERS)
    assert (found.posts, found.different) == (2, 2)
    async with database.transaction() as conn:
        assert await projections.take_rebuild_lock(conn)
        with pytest.raises(Unavailable, match="another rebuild is running"):
            await rebuilt_apart(database_url, READERS)
    assert await corridor.rows("select armed from projections") == [(False,)]


async def test_the_doctor_can_see_how_far_it_is(database: Database) -> None:
    await an_older_one(database)
    async with database.transaction() as conn:
        assert (await projections.making(conn)).busy is False
        version = await projections.create_next(conn)
        assert await projections.take_rebuild_lock(conn)
        await projections.note_progress(conn, version, 0.43)
        making = await projections.making(conn)
    assert (making.fold, making.busy) == (1, True)
    assert making.filled == pytest.approx(0.43)
