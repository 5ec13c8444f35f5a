"""What a step records as claimed by the worker of its own process: leased and fenced like any other claim."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.integration.corridor import Corridor
from tests.integration.test_reactor import ALERT, on
from tests.integration.test_steps import Interrupted
from tests.integration.test_worker import LAPSED, Gate, a_worker, rows
from tests.integration.told import NOON, PROVIDER, told
from tests.waiting import until
from tracker.act.worker import Capacity, Worker
from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import payload_of
from tracker.domain.rules.step import SendStep
from tracker.domain.runs.engine_state import ActionRequest
from tracker.errors import Unavailable
from tracker.store.actions import action_leases, actions
from tracker.store.actions.actions import TAKEN, Handover
from tracker.store.session import Part, fetch_at_once

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.domain.actions import Claimed, Outcome
    from tracker.domain.rules.step import Step
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

MOVED = Part((("moved", "select 1 as step"),), ())

SEND = SendStep("cms", lambda _: "e")
STANDS = "select state, attempts, lease, owner, leased_until > clock_timestamp() from actions order by created_at, post"
ATTEMPTS = "select attempt, lease, outcome from action_attempts order by attempt"


class Dead(Worker):
    """Its process is killed when the step is committed, before anything is begun."""

    def begin(self, claimed: Claimed) -> None:
        pass


class Looking(Gate):
    """Looks up, when it is called, what another process would find if this one died now."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self.seen: list[list[tuple[object, ...]]] = []

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        self.seen = [await rows(self._database, query) for query in (STANDS, ATTEMPTS)]
        return await super().perform(claimed, now)


async def handing(
    database: Database, worker: Worker, steps: Sequence[Step] = (SEND,), *, is_open: bool = True
) -> Corridor:
    """A processor whose steps may hand over to that worker, as if it ran, although it never looks by itself."""
    corridor = await Corridor(database, [on("post.failed", *steps)], node=worker.node).open()
    worker.is_open = is_open
    corridor.processor.hands = worker
    return corridor


async def begun(gate: Gate, count: int = 1) -> None:
    async def performed() -> bool:
        return len(gate.performed) == count

    await until(performed, "it has begun")


def room_of(worker: Worker) -> int:
    """How many actions may still be handed over for one target."""
    count = 0
    while worker.keep_free("send cms"):
        count += 1
    for _ in range(count):
        worker.give_back("send cms")
    return count


async def test_what_is_handed_over_is_claimed_and_its_attempt_on_record_before_it_begins(database: Database) -> None:
    gate = Looking(database)
    worker = a_worker(database, gate, "only")
    corridor = await handing(database, worker)
    await corridor.keep(told("p1", "failed", 0))
    await corridor.processor.step()
    await begun(gate)
    assert gate.seen == [[("claimed", 1, 1, "only", True)], [(1, 1, None)]]
    gate.open.set()
    await worker.settle()
    await corridor.settle()
    assert await rows(database, "select state, reason, attempts from actions") == [("done", "ok", 1)]
    assert await rows(database, ATTEMPTS) == [(1, 1, "done")]
    assert await rows(database, "select kind from events where source = 'action'") == [("action.done",)]
    assert (len(gate.performed), room_of(worker)) == (1, Capacity().per_target)
    (claimed,) = gate.performed
    assert (claimed.post, claimed.rule, claimed.attempt, claimed.previous) == ("p1", "r", 1, None)
    assert await rows(database, "select run, idempotency_key from actions") == [(claimed.run, claimed.idempotency_key)]


async def test_what_was_handed_to_a_process_that_died_is_put_back_as_lost_and_done_by_another(
    database: Database,
) -> None:
    corridor = await handing(database, Dead(database, {}, "dying", lambda: NOON, Capacity(lease=LAPSED)))
    await corridor.keep(told("p1", "failed", 0))
    await corridor.processor.step()
    alive = Gate()
    alive.open.set()
    worker = a_worker(database, alive, "alive")
    assert await worker.claim() == 0
    async with database.transaction() as conn:
        assert await action_leases.rescue(conn, NOON) == 1
    assert await worker.claim() == 1
    await worker.settle()
    assert [claimed.previous for claimed in alive.performed] == ["lost"]
    assert await rows(database, ATTEMPTS) == [(1, 1, "lost"), (2, 2, "done")]


async def test_whose_lease_lapsed_over_what_was_handed_over_cannot_end_it(database: Database) -> None:
    slow, quick = Gate(), Gate()
    first = a_worker(database, slow, "slow", Capacity(lease=LAPSED))
    corridor = await handing(database, first)
    await corridor.keep(told("p1", "failed", 0))
    await corridor.processor.step()
    await begun(slow)
    async with database.transaction() as conn:
        await action_leases.rescue(conn, NOON)
    second = a_worker(database, quick, "quick")
    await second.claim()
    slow.open.set()
    await first.settle()
    assert await rows(database, "select state, lease from actions") == [("claimed", 2)]
    assert await rows(database, "select kind from events where source = 'action'") == []
    quick.open.set()
    await second.settle()
    assert await rows(database, "select kind from events where source = 'action'") == [("action.done",)]


async def test_a_step_that_came_too_late_hands_nothing_over(database: Database) -> None:
    gate = Gate()
    worker = a_worker(database, gate, "only")
    corridor = await handing(database, worker)
    other = Corridor(database, corridor.rules, node="only")
    await corridor.keep(told("p1", "failed", 0))
    Interrupted(corridor, other.processor.step, late=True)
    with pytest.raises(Unavailable):
        await corridor.processor.step()
    assert await rows(database, "select state, attempts from actions") == [("pending", 0)]
    assert await rows(database, ATTEMPTS) == []
    assert room_of(worker) == Capacity().per_target
    await corridor.processor.drain()
    assert gate.performed == []


async def test_without_room_it_waits_for_whoever_claims_it(database: Database) -> None:
    worker = a_worker(database, Gate(), "only", Capacity(actions=2))
    corridor = await handing(database, worker)
    await corridor.keep(told("p1", "failed", 0), told("p2", "failed", 0))
    await corridor.processor.step()
    assert sorted(await rows(database, "select state, attempts from actions")) == [("claimed", 1), ("pending", 0)]
    assert room_of(worker) == 0
    await worker.settle(0)


@pytest.mark.parametrize(("step", "is_open"), [(SEND, False), (ALERT, True)])
async def test_what_a_claim_has_more_to_look_at_for_and_what_nobody_runs_for_waits(
    database: Database, step: Step, is_open: bool
) -> None:
    worker = a_worker(database, Gate(), "only")
    corridor = await handing(database, worker, [step], is_open=is_open)
    await corridor.keep(told("p1", "failed", 0))
    await corridor.processor.step()
    assert await rows(database, "select state, attempts, lease, owner from actions") == [("pending", 0, 0, None)]
    assert await rows(database, ATTEMPTS) == []


async def test_only_what_was_not_on_record_is_handed_over(database: Database) -> None:
    gate = Gate()
    gate.open.set()
    worker = a_worker(database, gate, "only")
    worker.is_open = True
    specs = [ActionSpec("send", "cms", payload_of("send", {"event": name}), name, NOON) for name in ("a", "b", "c")]
    later = ActionSpec("send", "cms", payload_of("send", {"event": "d"}), "d", NOON + timedelta(seconds=1))
    asked = [ActionRequest(spec, "r", "1", uuid4(), PROVIDER, "p") for spec in (*specs, later)]
    async with database.transaction() as conn:
        await actions.intend(conn, asked[1:2], NOON)
    async with database.autocommit() as conn:
        with Handover(worker) as handover:
            parts = [MOVED, *actions.intending(conn, asked, NOON, handover)]
            handover.begin(await fetch_at_once(conn, parts, TAKEN))
    await worker.settle()
    known = await rows(database, "select idempotency_key, state, attempts from actions order by 1")
    assert known == [("a", "done", 1), ("b", "pending", 0), ("c", "done", 1), ("d", "pending", 0)]
    assert sorted(claimed.idempotency_key for claimed in gate.performed) == ["a", "c"]
    assert room_of(worker) == Capacity().per_target


async def test_a_step_that_hands_over_and_workers_that_claim_and_rescue_do_everything_once(database: Database) -> None:
    gate = Gate()
    gate.open.set()
    worker, others = a_worker(database, gate, "only", Capacity(actions=8)), [a_worker(database, gate, n) for n in "ab"]
    corridor = await handing(database, worker)

    async def tell() -> None:
        for n in range(40):
            await corridor.keep(told(f"p{n}", "failed", 0))
            await corridor.processor.drain()

    async def claim(one: Worker) -> None:
        while not telling.done():
            await one.claim()
            async with database.transaction() as conn:
                await action_leases.rescue(conn, NOON)

    telling = asyncio.create_task(tell())
    await asyncio.gather(telling, *(claim(one) for one in (worker, *others)))
    for one in (worker, *others):
        while await one.claim():
            await one.settle()
        await one.settle()
    assert len(gate.performed) == len({claimed.id for claimed in gate.performed}) == 40
    assert await rows(database, "select distinct state, attempts, lease from actions") == [("done", 1, 1)]
