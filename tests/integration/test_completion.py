"""Outcomes recorded together: in one commit, each by its own lease, and relied on only when it is on disk."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.blocking import until_blocked
from tests.integration.test_report_plans import plan_of
from tests.integration.test_worker import LAPSED, Gate, a_worker, intend, rows
from tests.integration.told import NOON
from tracker.act.worker import Capacity
from tracker.domain.actions import Done, Exchange, Outcome, Reason, Retry, Unknown
from tracker.store.actions import action_claims, action_leases, action_outcomes

if TYPE_CHECKING:
    from datetime import datetime

    from asyncpg import Connection

    from tracker.domain.actions import Claimed
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

STATES = "select state, attempts, count(*) from actions group by 1, 2 order by 1, 2"
OUTCOMES = "select attempt, outcome, count(*) from action_attempts group by 1, 2 order by 1, 2"
FACTS = "select kind, count(*) from events group by 1 order by 1"


class Mixed:
    """A far end that has an answer of its own for some posts, and is done with all the others."""

    def __init__(self, answers: dict[str, Outcome]) -> None:
        self.answers = answers

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        return self.answers.get(claimed.post or "", Done())


async def rescue(database: Database) -> int:
    async with database.transaction() as conn:
        return await action_leases.rescue(conn, NOON)


async def test_what_ends_together_is_recorded_in_one_commit(database: Database) -> None:
    await intend(database, 40)
    gate = Gate()
    worker = a_worker(database, gate)
    assert await worker.claim() == 40
    gate.open.set()
    await worker.settle()
    assert await rows(database, STATES) == [("done", 1, 40)]
    assert await rows(database, FACTS) == [("action.done", 40)]
    commits = "select (select count(distinct xmin::text) from actions), (select count(distinct xid) from events)"
    assert await rows(database, commits) == [(1, 1)]


async def test_an_action_is_claimed_by_one_statement_and_ended_by_another(database: Database) -> None:
    """Each is a transaction of its own; with the second the fact is in the log, and nobody looks whether more waits."""
    asked: list[str] = []
    worker = a_worker(database, Mixed({}))
    for first in (True, False):  # the first time, a connection asks about types
        await intend(database)
        async with database.autocommit() as conn:
            if not first:
                conn.add_query_logger(lambda record: asked.append(record.query))
        assert (await worker.claim(), worker.pause) == (1, Capacity().poll.total_seconds())
        await worker.settle()
    assert asked == [action_claims.CLAIM, action_outcomes.RECORD]
    assert await rows(database, FACTS) == [("action.done", 2)]


async def test_every_kind_of_end_goes_its_own_way_in_one_batch(database: Database) -> None:
    await intend(database, 6)
    answers: dict[str, Outcome] = {
        "p1": Retry(Reason.HTTP_5XX), "p2": Unknown(Reason.TIMEOUT), "p3": Retry(Reason.BUDGET_SPENT),
        "p4": Done(detail="said"), "p5": Retry(Reason.CIRCUIT_OPEN, timedelta(hours=1)),
    }  # fmt: skip
    worker = a_worker(database, Mixed(answers))
    await worker.claim()
    await worker.settle()
    found = await rows(database, "select post, state, attempts, reason, due_at > $$2026-11-10 12:00Z$$ from actions")
    assert sorted(found) == [
        ("p0", "done", 1, "ok", False),
        ("p1", "pending", 1, "http_5xx", True),
        ("p2", "unknown", 1, "timeout", False),
        ("p3", "pending", 0, "budget_spent", True),
        ("p4", "done", 1, "ok", False),
        ("p5", "pending", 0, "circuit_open", True),
    ]
    assert await rows(database, OUTCOMES) == [(1, "done", 2), (1, "retry", 1), (1, "unknown", 1)]
    assert await rows(database, FACTS) == [("action.done", 2), ("action.unknown", 1)]


async def test_a_lease_lost_among_good_ones_finishes_nothing_and_spoils_nothing(database: Database) -> None:
    """Another is at it meanwhile: its end stands, and the attempts of both say what happened."""
    await intend(database, 5)
    slow, quick = Gate(), Gate(Unknown(Reason.TIMEOUT))
    first = a_worker(database, slow, "slow")
    await first.claim()
    async with database.connection() as conn:
        await conn.execute("update actions set leased_until = 'epoch' where post = 'p3'")
    assert await rescue(database) == 1
    second = a_worker(database, quick, "quick")
    assert await second.claim() == 1
    slow.open.set()
    await first.settle()
    assert await rows(database, STATES) == [("claimed", 2, 1), ("done", 1, 4)]
    quick.open.set()
    await second.settle()
    assert await rows(database, STATES) == [("done", 1, 4), ("unknown", 2, 1)]
    assert await rows(database, OUTCOMES) == [(1, "done", 5), (2, "unknown", 1)]
    assert await rows(database, FACTS) == [("action.done", 4), ("action.unknown", 1)]


async def test_an_outcome_that_postgres_cannot_hold_is_left_to_its_lease_and_takes_no_other_along(
    database: Database,
) -> None:
    await intend(database, 9)
    poison = Done(exchange=Exchange({"sent": "a\x00b"}))
    worker = a_worker(database, Mixed({"p4": poison}), capacity=Capacity(lease=LAPSED))
    await worker.claim()
    await worker.settle()
    assert await rows(database, STATES) == [("claimed", 1, 1), ("done", 1, 8)]
    assert await rows(database, FACTS) == [("action.done", 8)]
    assert await rescue(database) == 1
    assert await rows(database, OUTCOMES) == [(1, "done", 8), (1, "lost", 1)]


async def test_a_commit_that_fails_leaves_all_to_their_leases(database: Database) -> None:
    """Nothing of it is on record, and the next attempts are told that nobody knows."""
    await intend(database, 7)
    gate = Gate()
    worker = a_worker(database, gate, capacity=Capacity(lease=LAPSED))
    await worker.claim()
    async with database.transaction() as conn:
        await conn.execute("lock table deliveries in exclusive mode")
        gate.open.set()
        settling = asyncio.create_task(worker.settle())
        await until_blocked(database)
        await conn.execute("select pg_terminate_backend(pid) from pg_locks where not granted")
        await settling
    assert await rows(database, STATES) == [("claimed", 1, 7)]
    assert await rows(database, OUTCOMES) == [(1, None, 7)]
    assert await rescue(database) == 7
    again = Gate()
    again.open.set()
    other = a_worker(database, again, "other")
    await other.claim()
    await other.settle()
    assert [claimed.previous for claimed in again.performed] == ["lost"] * 7
    assert await rows(database, STATES) == [("done", 2, 7)]


async def test_a_place_is_free_only_when_the_outcome_is_committed(database: Database) -> None:
    await intend(database, 3)
    gate = Gate()
    gate.open.set()
    worker = a_worker(database, gate, capacity=Capacity(actions=4, per_target=2))
    async with database.transaction() as conn:
        await conn.execute("lock table deliveries in exclusive mode")
        assert await worker.claim() == 2
        await until_blocked(database)
        assert len(gate.performed) == 2
        assert await worker.claim() == 0
        settling = asyncio.create_task(worker.settle())
        await asyncio.sleep(0)
        assert not settling.done()
    await settling
    assert await worker.claim() == 1
    await worker.settle()


MANY_WAITING = """
insert into actions (id, idempotency_key, verb, target, payload, due_at, provider, post, bucket, state, created_at)
select gen_random_uuid(), 'many ' || n, 'send', 'hangs', '{}', $1::timestamptz - interval '1 day', 'p', 'p', 0,
       case when n % 2 = 0 then 'pending' else 'done' end, $1
  from generate_series(1, 20000) n
"""


async def test_what_waits_for_a_target_that_hangs_is_not_read_to_find_the_others(connection: Connection) -> None:
    """Nor to know when the next is due."""
    await connection.execute(MANY_WAITING, NOON)
    await connection.execute("analyze")
    values: list[object] = [NOON, 64, 16, ["send hangs"], [16], "w", timedelta(seconds=30), False]
    plan = await plan_of(connection, action_claims.CLAIM, values)
    read = [node for node in plan if node["Relation Name"] == "actions"]
    assert "Seq Scan" not in {node["Node Type"] for node in read}
    looked_at = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read)
    assert sum(looked_at) <= 10
