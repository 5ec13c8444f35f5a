"""A rebuild: span by span and in several processes, it comes to the posts and changes of who followed the log."""

from __future__ import annotations

import os
import random
from itertools import chain
from multiprocessing import parent_process
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.integration.corridor import READERS, Corridor
from tests.integration.told import NOON, PROVIDER, Reader, told
from tracker.domain.posts.event import bucket_of
from tracker.errors import Unavailable
from tracker.process import bulk_fold, rebuild
from tracker.process.rebuild import Rebuild
from tracker.store.posts import projections, rebuild_rows
from tracker.store.posts.rebuild_rows import Span

if TYPE_CHECKING:
    from tracker.domain.posts.event import Fact, LoggedEvent
    from tracker.process.rebuild import Difference
    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

pytestmark = pytest.mark.anyio

STATES = ("scheduled", "publishing", "failed", "published", "removed")
MOVED = """
select t.* from transitions t join projections v on v.version = t.projection and v.current
"""
POSTS = """
select provider, post, bucket, state, attempt, p.version, platforms, accounts, entered_at, scheduled_at, published_at,
       failed_at, last_event_at, first_day, last_day, fold::text, terms
  from posts p join projections v on v.version = p.projection and v.current
 order by provider, post
"""


async def rebuilt(database: Database) -> Difference:
    return await Rebuild(database, READERS, lambda: NOON, lambda _done, _total: None).run()


def a_log(chance: random.Random, events: int) -> list[Incoming]:
    """Facts of a few posts, of targets and of the whole, late ones among them, and some of no post."""
    log = []
    for n in range(events):
        post = chance.choice([None, *(f"p{number}" for number in range(6))])
        states = {name: chance.choice(STATES) for name in ("x", "instagram")}
        state = chance.choice([*STATES, None])
        log.append(told(post, state, chance.randint(0, 50), f"d{n}", targets=chance.choice([None, states])))
    return log


async def a_corridor(database: Database, seed: int) -> Corridor:
    corridor = await Corridor(database, []).open()
    await corridor.tell(*a_log(random.Random(seed), 80))
    return corridor


async def moved(corridor: Corridor) -> list[str]:
    """The transitions in use, without the number of their projection."""
    return sorted(str((*row[:4], *row[5:])) for row in await corridor.rows(MOVED))


@pytest.mark.parametrize("seed", range(3))
async def test_posts_and_transitions_are_those_of_who_followed_the_log(
    database: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "SPAN", 10)
    monkeypatch.setattr(rebuild_rows, "ROWS", 7)
    monkeypatch.setattr(bulk_fold, "workers", lambda: 1)
    corridor = await a_corridor(database, seed)
    followed = await moved(corridor), await corridor.rows(POSTS)
    assert (await rebuilt(database)).none
    assert (await moved(corridor), await corridor.rows(POSTS)) == followed


async def test_what_is_only_written_otherwise_is_no_difference(database: Database) -> None:
    await a_corridor(database, 1)
    async with database.connection() as conn:
        await conn.execute("update posts set fold = fold::jsonb")
    assert (await rebuilt(database)).none


async def test_several_processes_come_to_the_same(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "SPAN", 20)
    monkeypatch.setattr(bulk_fold, "workers", lambda: 2)
    corridor = await a_corridor(database, 1)
    followed = await moved(corridor), await corridor.rows(POSTS)
    difference = await rebuilt(database)
    assert (difference.none, difference.events) == (True, 80)
    assert (await moved(corridor), await corridor.rows(POSTS)) == followed


class Killed(Reader):
    """Kills the process that asks it, where that is not the test's own."""

    def facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        if parent_process():
            os._exit(9)
        return super().facts(event)


async def test_a_process_that_is_killed_ends_the_rebuild_and_the_next_one_succeeds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "SPAN", 20)
    monkeypatch.setattr(bulk_fold, "workers", lambda: 2)
    corridor = await a_corridor(database, 1)
    followed = await corridor.rows(POSTS)
    with pytest.raises(Unavailable, match="ended before its time"):
        await Rebuild(database, {PROVIDER: Killed()}, lambda: NOON, lambda _done, _total: None).run()
    assert await corridor.rows(POSTS) == followed
    assert (await rebuilt(database)).none


async def test_poison_in_a_post_is_parked_and_nothing_else(database: Database) -> None:
    poison = replace(told("poison", "failed", 3), post="p1", bucket=bucket_of(PROVIDER, "p1"))
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("p0", "failed", 1), told("p1", "publishing", 2), poison, told("p1", "published", 4))
    await corridor.tell(told("p2", "failed", 5))
    followed = await moved(corridor), await corridor.rows(POSTS)
    parked = await corridor.rows("select subscription, item, error from parked")
    assert len(parked) == 1
    assert (await rebuilt(database)).none
    assert await corridor.rows("select subscription, item, error from parked") == parked
    assert (await moved(corridor), await corridor.rows(POSTS)) == followed


async def test_the_processor_may_be_behind_and_go_on_meanwhile(database: Database) -> None:
    """What it has not read is not rebuilt; it reads it afterwards, into the new version."""
    corridor = await a_corridor(database, 3)
    await corridor.keep(told("p1", "published", 98), told("new", "failed", 99))
    difference = await rebuilt(database)
    assert (difference.none, difference.events) == (True, 80)
    await corridor.settle()
    assert (await rebuilt(database)).events == 82


async def test_an_interrupted_rebuild_has_changed_nothing_and_is_begun_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    corridor = await a_corridor(database, 4)
    before = await corridor.rows(POSTS)

    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(projections, "compare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await rebuilt(database)
    assert await corridor.rows(POSTS) == before
    assert (await rebuilt(database)).none
    assert await corridor.rows(POSTS) == before
    assert await corridor.rows("select count(*) from projections") == [(1,)]


async def test_spans_hold_every_post_once(database: Database) -> None:
    corridor = await a_corridor(database, 5)
    async with database.transaction() as conn:
        spans = await rebuild_rows.spans(conn, 4, 80)
    posts = sorted(str(post) for (post,) in await corridor.rows("select post from posts"))
    assert spans[0] == Span(None)
    assert len(spans) == 5
    within = [
        [post for post in posts if span.first <= (PROVIDER, post) and (not span.end or (PROVIDER, post) < span.end)]
        for span in spans
        if span.first
    ]
    assert sorted(chain.from_iterable(within)) == posts
    assert sum(map(bool, within)) > 1
