"""Actions: claimed by one, fenced by the lease, put back when a process dies, and not held up by a hanging target."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.integration.told import NOON, PROVIDER
from tracker.act.worker import SHORTEST_PAUSE, Capacity, Performer, Worker
from tracker.domain.actions import ActionSpec, Done, Outcome, Reason, Retry, Unknown
from tracker.domain.payloads import payload_of
from tracker.domain.runs.engine_state import ActionRequest
from tracker.errors import Rejected
from tracker.facts.commands import discard_action, retry_action
from tracker.store.actions import action_claims, action_leases, actions

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.domain.actions import Claimed
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

LAPSED = timedelta(seconds=-1)
LEASE = timedelta(seconds=30)


class Gate:
    """A far end that answers when the test lets it."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.open, self.outcome = asyncio.Event(), outcome or Done()
        self.performed: list[Claimed] = []

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        self.performed.append(claimed)
        await self.open.wait()
        return self.outcome


def a_worker(database: Database, gate: Performer, name: str = "w", capacity: Capacity | None = None) -> Worker:
    performers = dict.fromkeys(("send", "alert", "retry"), gate)
    return Worker(database, performers, name, lambda: NOON, capacity or Capacity())


async def intend(database: Database, count: int = 1, verb: str = "send", target: str = "cms") -> None:
    specs = [
        ActionRequest(
            ActionSpec(verb, target, payload_of(verb, {}), str(uuid4()), NOON), "r", "1", uuid4(), PROVIDER, f"p{n}"
        )
        for n in range(count)
    ]
    async with database.transaction() as conn:
        await actions.intend(conn, specs, NOON)


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.connection() as conn:
        return [tuple(row) for row in await conn.fetch(query)]


async def test_racing_workers_perform_each_action_once(database: Database) -> None:
    await intend(database, 60)
    gate = Gate()
    gate.open.set()
    workers = [a_worker(database, gate, f"w{n}") for n in range(4)]

    async def work(worker: Worker) -> None:
        while await worker.claim():
            await worker.settle()

    await asyncio.gather(*map(work, workers))
    assert len(gate.performed) == len({claimed.id for claimed in gate.performed}) == 60
    assert await rows(database, "select distinct state, attempts from actions") == [("done", 1)]


async def test_what_ends_while_a_claim_finds_its_target_full_leaves_nothing_waiting_for_the_poll(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, claim = Gate(), action_claims.claim
    worker = a_worker(database, gate, capacity=Capacity(actions=2))
    await intend(database)
    assert await worker.claim() == 1
    await intend(database)

    async def claimed_late(*args: Any, **more: Any) -> object:
        claimed = await claim(*args, **more)
        gate.open.set()
        await asyncio.wait([task for task in asyncio.all_tasks() if task.get_name().startswith("action ")])
        return claimed

    with monkeypatch.context() as patch:
        patch.setattr(action_claims, "claim", claimed_late)
        assert await worker.claim() == 0
    assert worker.pause <= SHORTEST_PAUSE
    assert await worker.claim() == 1
    await worker.settle()


async def test_the_attempt_is_on_record_before_the_call_goes_out(database: Database) -> None:
    await intend(database)
    gate = Gate()
    worker = a_worker(database, gate)
    await worker.claim()
    assert await rows(database, "select attempt, outcome from action_attempts") == [(1, None)]
    gate.open.set()
    await worker.settle()
    assert await rows(database, "select attempt, outcome from action_attempts") == [(1, "done")]


async def test_what_a_dead_process_held_is_put_back_as_lost(database: Database) -> None:
    await intend(database)
    dead, alive = Gate(), Gate()
    dying = a_worker(database, dead, "dying", Capacity(lease=LAPSED))
    await dying.claim()
    async with database.transaction() as conn:
        assert await action_leases.rescue(conn, NOON) == 1
    alive.open.set()
    worker = a_worker(database, alive, "alive")
    await worker.claim()
    await worker.settle()
    assert [claimed.previous for claimed in alive.performed] == ["lost"]
    assert await rows(database, "select attempt, outcome from action_attempts order by 1") == [(1, "lost"), (2, "done")]
    await dying.settle(0)


async def test_who_has_lost_the_lease_cannot_finish_but_its_attempt_says_what_happened(database: Database) -> None:
    await intend(database)
    slow, quick = Gate(), Gate(Unknown(Reason.TIMEOUT))
    first = a_worker(database, slow, "slow", Capacity(lease=LAPSED))
    await first.claim()
    async with database.transaction() as conn:
        await action_leases.rescue(conn, NOON)
    quick.open.set()
    second = a_worker(database, quick, "quick")
    await second.claim()
    await second.settle()
    slow.open.set()
    await first.settle()
    assert await rows(database, "select state, attempts from actions") == [("unknown", 2)]
    assert await rows(database, "select attempt, outcome from action_attempts order by 1") == [
        (1, "done"),
        (2, "unknown"),
    ]
    assert await rows(database, "select kind from events") == [("action.unknown",)]


async def test_slow_work_whose_lease_is_renewed_is_not_done_twice(database: Database) -> None:
    await intend(database)
    gate = Gate()
    worker = a_worker(database, gate, "slow", Capacity(lease=LAPSED))
    await worker.claim()
    async with database.transaction() as conn:
        under_way = [row["id"] for row in await conn.fetch("select id from actions")]
        await action_leases.renew(conn, "slow", LEASE, under_way)
        assert await action_leases.rescue(conn, NOON) == 0
    gate.open.set()
    await worker.settle()


async def test_a_target_that_hangs_does_not_hold_up_the_others(database: Database) -> None:
    await intend(database, 40, target="hangs")
    hanging = Gate()
    worker = a_worker(database, hanging, capacity=Capacity(actions=64, per_target=8))
    while await worker.claim():
        pass
    assert len(hanging.performed) == 8
    await intend(database, 1, target="fine")
    assert await worker.claim() == 1
    hanging.open.set()
    await worker.settle()


async def test_when_all_room_is_taken_each_target_with_nothing_under_way_begins_one(database: Database) -> None:
    for target in ("hangs", "hangs too"):
        await intend(database, 8, target=target)
    hanging = Gate()
    worker = a_worker(database, hanging, capacity=Capacity(actions=8, per_target=4))
    assert await worker.claim() == 8
    assert worker.pause == SHORTEST_PAUSE
    for n in range(5):
        await intend(database, 2, target=f"fine-{n}")
    assert [await worker.claim() for _ in range(3)] == [4, 1, 0]
    await asyncio.sleep(0)
    assert {one.target for one in hanging.performed[8:]} == {f"fine-{n}" for n in range(5)}
    hanging.open.set()
    await worker.settle()


async def test_one_retry_of_a_post_is_in_flight_at_a_time(database: Database) -> None:
    await intend(database, 1, "retry")
    await intend(database, 1, "retry")
    gate = Gate()
    worker = a_worker(database, gate)
    claimed = await worker.claim()
    claimed += await worker.claim()
    assert claimed == 1
    gate.open.set()
    await worker.settle()
    assert await worker.claim() == 1
    await worker.settle()


async def test_waiting_for_something_else_uses_up_no_attempt(database: Database) -> None:
    """However often it has to wait: the action says why and until when, and no attempt is on record."""
    await intend(database, verb="retry")
    gate = Gate(Retry(Reason.BUDGET_SPENT, timedelta(minutes=7)))
    gate.open.set()
    now = [NOON]
    worker = Worker(database, {"retry": gate}, "w", lambda: now[0])
    for _ in range(9):
        assert await worker.claim() == 1
        await worker.settle()
        waits = ("pending", "budget_spent", 0, now[0] + timedelta(minutes=7))
        assert await rows(database, "select state, reason, attempts, due_at from actions") == [waits]
        assert await rows(database, "select * from action_attempts") == []
        assert await worker.claim() == 0
        now[0] += timedelta(minutes=7)
    gate.outcome = Done()
    await worker.claim()
    await worker.settle()
    assert {claimed.attempt for claimed in gate.performed} == {1}
    assert await rows(database, "select state, reason, attempts from actions") == [("done", "ok", 1)]
    assert await rows(database, "select attempt, outcome from action_attempts") == [(1, "done")]
    assert await rows(database, "select kind from events") == [("action.done",)]


async def test_a_wait_does_not_hide_that_the_attempt_before_was_lost(database: Database) -> None:
    await intend(database)
    dying = a_worker(database, Gate(), "dying", Capacity(lease=LAPSED))
    await dying.claim()
    async with database.transaction() as conn:
        await action_leases.rescue(conn, NOON)
    gate = Gate(Retry(Reason.CIRCUIT_OPEN, timedelta(0)))
    gate.open.set()
    now = [NOON]
    worker = Worker(database, {"send": gate}, "w", lambda: now[0])
    for _ in range(3):
        await worker.claim()
        await worker.settle()
        now[0] += timedelta(minutes=1)
    assert [(claimed.attempt, claimed.previous) for claimed in gate.performed] == [(2, "lost")] * 3
    assert await rows(database, "select attempt, outcome from action_attempts") == [(1, "lost")]
    await dying.settle(0)


async def test_who_has_lost_the_lease_cannot_put_off_either(database: Database) -> None:
    """Another process has the action: its count stays, and the attempt says what happened."""
    await intend(database)
    slow, quick = Gate(Retry(Reason.BUDGET_SPENT)), Gate()
    first = a_worker(database, slow, "slow", Capacity(lease=LAPSED))
    await first.claim()
    async with database.transaction() as conn:
        await action_leases.rescue(conn, NOON)
    second = a_worker(database, quick, "quick")
    await second.claim()
    slow.open.set()
    await first.settle()
    assert await rows(database, "select state, attempts from actions") == [("claimed", 2)]
    assert await rows(database, "select attempt, outcome from action_attempts order by 1") == [(1, "retry"), (2, None)]
    quick.open.set()
    await second.settle()


async def test_a_dead_action_is_retried_by_hand_and_the_wish_is_a_fact(database: Database) -> None:
    await intend(database)
    gate = Gate(Unknown(Reason.TIMEOUT))
    gate.open.set()
    worker = a_worker(database, gate)
    await worker.claim()
    await worker.settle()
    ((action,),) = await rows(database, "select id from actions where state = 'unknown'")
    gate.outcome = Done()
    async with database.transaction() as conn:
        await retry_action(conn, action, NOON)
    await worker.claim()
    await worker.settle()
    assert await rows(database, "select state from actions") == [("done",)]
    kinds = await rows(database, "select source, kind from events order by position")
    assert kinds == [("action", "action.unknown"), ("manual", "action.retried"), ("action", "action.done")]
    async with database.transaction() as conn:
        with pytest.raises(Rejected, match="is done"):
            await discard_action(conn, action, NOON)
