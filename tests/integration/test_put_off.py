"""Runs that wait their turn, on record: over a restart, over an edit, and as people are told of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.integration.corridor import READERS, Corridor
from tests.integration.told import PROVIDER, told
from tests.unit.reactions import on
from tracker.domain.rate import Debounce, Rate
from tracker.domain.rules.rule import Mode
from tracker.domain.rules.rule_index import RuleIndex
from tracker.process.reactor import Reactor
from tracker.queries.pending import list_pending
from tracker.queries.rule_plan import rule_plan
from tracker.queries.why import why
from tracker.store.posts import posts
from tracker.stream import changes

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

RULE = on("post.failed", throttle=Rate(1, timedelta(minutes=1)))


async def failing(database: Database, number: int) -> Corridor:
    """So many posts fail at noon."""
    corridor = await Corridor(database, [RULE]).open()
    await corridor.tell(*(told(f"p{post}", "failed", 0) for post in range(number)))
    return corridor


async def test_a_backlog_goes_on_after_a_restart_and_an_edit(database: Database) -> None:
    corridor = await failing(database, 3)
    edited = replace(RULE, throttle=Rate(1, timedelta(minutes=10)), revision="2")
    corridor.rules = RuleIndex([edited])
    async with database.connection() as conn:
        (plan,) = await rule_plan(conn, [edited], corridor.now())
    assert (plan.change, plan.running.count, plan.ended.count) == ("edited", 2, 0)
    corridor.processor.reactor = Reactor(lambda: corridor.rules, corridor.now, READERS)
    await corridor.arm()
    await corridor.tell(told("p3", "failed", 0))
    for second, number in ((59, 1), (60, 2), (120, 3), (719, 3), (720, 4)):
        await corridor.wait_until(second)
        assert corridor.world.verbs["alert"] == number


async def test_people_see_when_it_is_whose_turn(database: Database) -> None:
    corridor = await failing(database, 2)
    key = (PROVIDER, "p1")
    async with database.connection() as conn:
        post = (await posts.load(conn, [key]))[key].post
        (pending,) = await list_pending(conn, post, [RULE])
        known = await changes.of_post(conn, READERS, key)
        (answer,) = await why(conn, known, post, [RULE], corridor.now(), None)
    assert (pending.what, pending.says) == ("run", "r begins in its turn")
    assert pending.due_at == corridor.now() + timedelta(minutes=1)
    assert answer.reasons[0].explanation.text.startswith("fired, and waits its turn: throttled to 1 in 1m: it begins")


async def test_what_is_gathered_says_so(database: Database) -> None:
    gathering = on("post.failed", debounce=Debounce(timedelta(minutes=1)), mode=Mode.RESTART)
    corridor = await Corridor(database, [gathering]).open()
    await corridor.tell(told("p1", "failed", 0))
    await corridor.wait_until(30)
    await corridor.tell(told("p1", "publishing", 29), told("p1", "failed", 30))
    async with database.connection() as conn:
        post = (await posts.load(conn, [(PROVIDER, "p1")]))[PROVIDER, "p1"].post
        (pending,) = await list_pending(conn, post, [gathering])
    assert pending.says == "r begins unless more comes (2 so far)"
    assert pending.due_at == corridor.now() + timedelta(minutes=1)
    await corridor.wait_until(90)
    assert corridor.world.verbs["alert"] == 1


async def test_turns_dated_by_a_clock_that_was_ahead_hold_nobody(database: Database) -> None:
    corridor = await failing(database, 0)
    corridor.at = 86_400
    await corridor.tell(told("p0", "failed", 86_400))
    corridor.at = 0
    await corridor.tell(told("p1", "failed", 0))
    assert corridor.world.verbs["alert"] == 2
