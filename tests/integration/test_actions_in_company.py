"""Alerts beside one another: groups told as one, one alert's news in order, and what a message was remembered as."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from tests.integration.told import NOON, PROVIDER
from tracker.act.worker import Capacity, Worker
from tracker.domain.actions import ActionSpec, Discard, Done, Outcome, Reason, Retry
from tracker.domain.payloads import AlertPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.process.retention import prune_records
from tracker.store.actions import action_leases, actions
from tracker.store.wakeups import wait

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.domain.actions import Claimed
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)
LAPSED = Capacity(lease=-SECOND)


class Channel:
    """A far end that answers with what it was given, the last answer again and again, once it is let."""

    def __init__(self, *answers: Outcome, shut: bool = False) -> None:
        self.answers, self.open = [*answers] or [Done()], asyncio.Event()
        self.heard: list[Claimed] = []
        if not shut:
            self.open.set()

    async def perform(self, claimed: Claimed, now: datetime) -> Outcome:
        self.heard.append(claimed)
        await self.open.wait()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def titles(self) -> list[object]:
        return [claimed.alert.title for claimed in self.heard]


def an_alert(
    title: str, key: str = "", group: str | None = None, target: str = "ops", later: int = 0, resolved: bool = False
) -> ActionSpec:
    payload = AlertPayload(title=title, post=f"post of {title}", key=key or title, resolved=resolved)
    return ActionSpec("alert", target, payload, str(uuid4()), NOON + later * SECOND, group)


async def intend(database: Database, *specs: ActionSpec, at: datetime = NOON) -> list[UUID]:
    async with database.transaction() as conn:
        await actions.intend(conn, [ActionRequest(spec, "r", "1", uuid4(), PROVIDER, "p") for spec in specs], at)
    return [spec.id for spec in specs]


def a_worker(database: Database, channel: Channel, at: datetime = NOON, capacity: Capacity | None = None) -> Worker:
    return Worker(database, {"alert": channel}, f"w-{uuid4()}", lambda: at, capacity or Capacity())


async def work(worker: Worker) -> None:
    while await worker.claim():
        await worker.settle()


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.connection() as conn:
        return [tuple(row) for row in await conn.fetch(query)]


def others(claimed: Claimed) -> list[object]:
    return [other.title for other in claimed.alert.others or ()]


async def test_a_group_is_told_as_one_message_and_each_of_it_is_done_on_record(database: Database) -> None:
    """Also those that are not due yet; what has another group, channel or none goes by itself."""
    await intend(database, an_alert("b", group="g", later=60), an_alert("a", group="g"), an_alert("c", group="g"))
    await intend(database, an_alert("d", group="h"), an_alert("e"), an_alert("f", group="g", target="web"))
    channel = Channel()
    await work(a_worker(database, channel))
    led = {claimed.alert.title: others(claimed) for claimed in channel.heard}
    leader = "a" if "a" in led else "c"
    assert {title: len(more) for title, more in led.items()} == {leader: 2, "d": 0, "e": 0, "f": 0}
    assert led[leader] == [*({"a", "c"} - {leader}), "b"]
    assert sorted(await rows(database, "select state, reason, attempts from actions")) == [
        *[("done", "grouped", 0)] * 2,
        *[("done", "ok", 1)] * 4,
    ]
    assert await rows(database, "select kind, count(*) from events group by 1") == [("action.done", 6)]


async def test_racing_workers_tell_everything_of_a_group_once(database: Database) -> None:
    """However they interleave with one another and with what is still arriving."""
    channel = Channel()
    workers = [a_worker(database, channel) for _ in range(4)]
    wanted = [an_alert(f"{group}{n}", group=group) for n in range(20) for group in "ghi"]

    async def arriving() -> None:
        for place in range(0, len(wanted), 6):
            await intend(database, *wanted[place : place + 6])

    async def claiming(worker: Worker) -> None:
        while await rows(database, "select from actions where state = 'pending'") or not filled.done():
            await work(worker)

    filled = asyncio.create_task(arriving())
    await asyncio.gather(filled, *map(claiming, workers))
    told = Counter([*channel.titles, *(title for claimed in channel.heard for title in others(claimed))])
    assert told == Counter(getattr(spec.payload, "title", "") for spec in wanted)
    assert set(await rows(database, "select state from actions")) == {("done",)}


async def test_a_process_that_dies_after_the_claim_loses_none_of_the_group(database: Database) -> None:
    """The next attempt says the same under the same id; what came meanwhile is a message of its own."""
    await intend(database, *(an_alert(title, group="g") for title in "abc"))
    dying, alive = Channel(shut=True), Channel()
    worker = a_worker(database, dying, capacity=LAPSED)
    assert await worker.claim() == 1
    await intend(database, an_alert("d", group="g", later=60))
    async with database.transaction() as conn:
        assert await action_leases.rescue(conn, NOON) == 1
    for at in (NOON, NOON + timedelta(minutes=2)):
        await work(a_worker(database, alive, at))
    again, new = alive.heard
    assert (again.attempt, again.previous, new.alert.title, others(new)) == (2, "lost", "d", [])
    assert {again.alert.title, *others(again)} == {"a", "b", "c"}
    await worker.settle(0)


async def test_a_cancelled_run_takes_back_its_own_alert_but_none_that_travels_with_it(database: Database) -> None:
    ids = await intend(database, an_alert("a", group="g"), an_alert("b", group="g"))
    alone = await intend(database, an_alert("c"))
    later = Channel(Retry(Reason.HTTP_5XX))
    await work(a_worker(database, later))
    async with database.transaction() as conn:
        await actions.withdraw(conn, ids + alone, NOON)
    assert sorted(await rows(database, "select state from actions")) == [("discarded",), ("done",), ("pending",)]


async def test_a_resolution_never_overtakes_its_alert(database: Database) -> None:
    """It waits until the alert was told or given up, and then knows as what it was told."""
    await intend(database, an_alert("raised", "k"))
    await intend(database, an_alert("resolved", "k", resolved=True))
    channel = Channel(Retry(Reason.HTTP_5XX), Done(reference={"ts": "1.5"}), Done())
    await work(a_worker(database, channel))
    assert channel.titles == ["raised"]
    await intend(database, an_alert("elsewhere", "k", target="web"))
    web = Channel()
    await work(a_worker(database, web))
    assert web.titles == ["elsewhere"]
    await work(a_worker(database, channel, NOON + timedelta(minutes=1)))
    assert channel.titles == ["raised", "raised", "resolved"]
    assert [claimed.reference for claimed in channel.heard] == [None, None, {"ts": "1.5"}]


async def test_nor_does_it_overtake_the_message_of_the_group_with_which_its_alert_travels(database: Database) -> None:
    await intend(database, an_alert("a", group="g"), an_alert("b", group="g"))
    channel = Channel(Retry(Reason.HTTP_5XX), Done(reference={"ts": "1.5"}), Done())
    await work(a_worker(database, channel))
    (leader,) = channel.titles
    follower = ({"a", "b"} - {leader}).pop()
    await intend(database, an_alert("over", follower, resolved=True))
    await work(a_worker(database, channel))
    assert channel.titles == [leader]
    await work(a_worker(database, channel, NOON + timedelta(minutes=1)))
    assert channel.titles == [leader, leader, "over"]
    assert channel.heard[2].reference == {"ts": "1.5"}


async def test_where_the_channel_has_no_places_the_group_leaves_none(database: Database) -> None:
    """What was remembered until the message was out is no reference."""
    await intend(database, an_alert("a", group="g"), an_alert("b", group="g"))
    channel = Channel()
    await work(a_worker(database, channel))
    await intend(database, an_alert("a", resolved=True), an_alert("b", resolved=True))
    await work(a_worker(database, channel))
    assert [claimed.reference for claimed in channel.heard] == [None, None, None]


async def test_an_alert_that_was_given_up_holds_back_nothing(database: Database) -> None:
    await intend(database, an_alert("raised", "k"))
    await intend(database, an_alert("resolved", "k", resolved=True))
    channel = Channel(Discard(Reason.GONE), Done())
    await work(a_worker(database, channel))
    assert channel.titles == ["raised", "resolved"]


async def test_every_alert_of_a_group_finds_the_message_in_which_it_was_told(database: Database) -> None:
    """And only on the channel on which it was."""
    await intend(database, an_alert("a", group="g"), an_alert("b", group="g"))
    channel = Channel(Done(reference={"ts": "1.5"}), Done())
    await work(a_worker(database, channel))
    await intend(database, an_alert("a"), an_alert("b"), an_alert("b", target="web"))
    await work(a_worker(database, channel))
    found = sorted((one.target, one.alert.key, one.reference) for one in channel.heard[1:])
    assert found == [("ops", "a", {"ts": "1.5"}), ("ops", "b", {"ts": "1.5"}), ("web", "b", None)]


async def test_a_message_is_forgotten_with_the_actions_of_its_time(database: Database) -> None:
    await intend(database, an_alert("a"))
    await work(a_worker(database, Channel(Done(reference={"ts": "1.5"}))))
    day = timedelta(days=1)
    for now, left in ((NOON + day, 1), (NOON + 3 * day, 0)):
        await prune_records(database, now, day, day, 2 * day)
        assert len(await rows(database, "select from alert_messages")) == left


async def test_however_many_targets_hang_another_is_not_delayed(database: Database) -> None:
    """A target for which nothing is under way begins at once, even when all places are taken."""
    hanging = Channel(shut=True)
    worker = a_worker(database, hanging, capacity=Capacity(actions=4, per_target=4))
    for target in ("one", "two", "three"):
        await intend(database, *(an_alert(f"{target} {n}", target=target) for n in range(5)))
    while await worker.claim():
        pass
    await asyncio.sleep(0)
    taken = Counter(one.target for one in hanging.heard)
    assert len(taken) == 3
    assert 4 <= taken.total() <= 5
    before = len(hanging.heard)
    await intend(database, an_alert("fine", target="fine"))
    assert await worker.claim() == 1
    await asyncio.sleep(0)
    assert hanging.titles[before:] == ["fine"]
    hanging.open.set()
    await worker.settle()


@pytest.mark.parametrize("turns", range(5))
async def test_who_is_told_to_stop_while_being_woken_stops(turns: int) -> None:
    """However many turns of the loop lie between the two: the end of an action wakes, and so it is at every stop."""
    event, ended = asyncio.Event(), asyncio.Event()

    async def waiting() -> None:
        while not ended.is_set():
            await wait(event, 60)

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0.01)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    stopped, _ = await asyncio.wait([task], timeout=1)
    ended.set()
    event.set()
    assert stopped == {task}


async def test_one_target_takes_at_most_half_of_the_places(database: Database) -> None:
    """So that while it hangs, others go on side by side."""
    await intend(database, *(an_alert(f"hangs {n}", target="hangs") for n in range(9)))
    hanging = Channel(shut=True)
    worker = a_worker(database, hanging, capacity=Capacity(actions=4, per_target=16))
    while await worker.claim():
        pass
    await intend(database, *(an_alert(f"fine {n}", target="fine") for n in range(9)))
    while await worker.claim():
        pass
    await asyncio.sleep(0)
    assert Counter(one.target for one in hanging.heard) == {"hangs": 2, "fine": 2}
    hanging.open.set()
    await worker.settle()


async def test_what_waits_for_another_is_not_asked_for_without_pause(database: Database) -> None:
    """The next look is due when something becomes due, not at once because something overdue has to wait."""
    await intend(database, an_alert("raised", "k"))
    await intend(database, an_alert("resolved", "k", resolved=True))
    worker = a_worker(database, Channel(Retry(Reason.HTTP_5XX)), capacity=Capacity(poll=timedelta(minutes=1)))
    await work(worker)
    assert worker.pause > 1
