"""Budgets over several processes: whatever each of them remembers, no firing too many is overlooked."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.integration.told import NOON
from tests.unit.test_workflow import rule
from tracker.domain.rate import Rate
from tracker.domain.rules.decision import Fire
from tracker.domain.rules.grouping import Group
from tracker.domain.runs.engine_state import Firing, Outcome
from tracker.process.batch import Budgets
from tracker.store.reactions import runs

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.store.database import Connection, Database

pytestmark = pytest.mark.anyio

BUDGET = Rate(5, timedelta(hours=1))
RULE = replace(rule(), budget=BUDGET)
FURTHEST_BACK = timedelta(seconds=50)


def firing(number: int, at: datetime, outcome: Outcome = Outcome.FIRED) -> Firing:
    return Firing(RULE.id, "p/x", f"c{number}", RULE.revision, outcome, None, "p", "x", None, at, at)


async def fire(conn: Connection, number: int, at: datetime, budgets: Budgets) -> bool:
    """Whether there was room for one more, by what was looked up; if so, it is on record."""
    wanted = Fire(RULE, Group("p/x", "p", "x"), f"c{number}", {}, at)
    found = await runs.recall(conn, [], [], [], [RULE.id], at)
    spent = await budgets.spent(conn, [wanted], found.totals, at)
    has_room = len(spent.get(RULE.id, ())) < BUDGET.times
    await runs.record(conn, [firing(number, at, Outcome.FIRED if has_room else Outcome.SUPPRESSED)])
    return has_room


@pytest.mark.parametrize("seed", range(20))
async def test_no_node_fires_more_often_than_the_budget_allows(database: Database, seed: int) -> None:
    """By turns, at moments that do not strictly follow one another, and now and then after a restart."""
    random, nodes = Random(seed), [Budgets(), Budgets(), Budgets()]
    moment = NOON
    fired: list[datetime] = []
    async with database.transaction() as conn:
        for number in range(60):
            moment += timedelta(minutes=random.choice((0, 1, 3, 10, 40)))
            at = moment - random.random() * FURTHEST_BACK
            room = sum(at - BUDGET.per < earlier for earlier in fired) < BUDGET.times
            turn = random.randrange(len(nodes))
            assert await fire(conn, number, at, nodes[turn]) == room
            fired += [at] if room else []
            if random.random() < 0.1:
                nodes[turn] = Budgets()


async def test_a_budget_that_is_far_from_its_end_is_not_counted_again(database: Database) -> None:
    budgets = Budgets()
    asked: list[str] = []
    async with database.transaction() as conn:
        await fire(conn, 0, NOON, budgets)
        with conn.query_logger(lambda record: asked.append(record.query)):
            for number in range(1, 4):
                await fire(conn, number, NOON + timedelta(seconds=number), budgets)
            assert not {runs.COUNTS, runs.SPENT} & set(asked)
            await fire(conn, 4, NOON + timedelta(seconds=4), budgets)
    assert {runs.COUNTS, runs.SPENT} <= set(asked)


async def test_what_is_dated_in_the_future_is_not_spent(database: Database) -> None:
    """A clock was ahead by a day, and is right again: the budget is what it would have been without that."""
    budgets = Budgets()
    async with database.transaction() as conn:
        await runs.record(conn, [firing(number, NOON + timedelta(days=1)) for number in range(10, 20)])
        for number in range(BUDGET.times):
            assert await fire(conn, number, NOON + timedelta(seconds=number), budgets)
        assert not await fire(conn, BUDGET.times, NOON + timedelta(seconds=10), budgets)


async def test_a_clock_that_was_set_back_makes_it_count_again(database: Database) -> None:
    budgets = Budgets()
    async with database.transaction() as conn:
        before = [firing(number, NOON - timedelta(hours=1, minutes=number)) for number in range(5, 10)]
        await runs.record(conn, before)
        assert await fire(conn, 1, NOON, budgets)
        assert not await fire(conn, 2, NOON - timedelta(minutes=15), budgets)
