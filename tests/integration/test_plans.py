"""Plans about actions: each has its turn once, at the pace of the plan, under the id that was asked for."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import NOON, PROVIDER, told
from tracker.act.performers.provider_actions import RetryPost
from tracker.act.plans import PlanRunner
from tracker.act.worker import Worker
from tracker.domain.actions import ActionSpec, Discard, Done, Reason
from tracker.domain.payloads import RetryPayload, SendPayload, payload_of
from tracker.domain.posts.event import Report, State
from tracker.domain.runs.engine_state import ActionRequest
from tracker.errors import NotFound, Rejected
from tracker.facts import commands, planning
from tracker.outbound.client import Reply
from tracker.queries import plans as queried
from tracker.queries.actions import ActionQuery
from tracker.queries.paging import compiled
from tracker.queries.plans import parse_order, which_actions
from tracker.settings import Provider
from tracker.store.actions import actions, plans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.domain.calls.call_budget import Purpose
    from tracker.domain.posts.event import Shown
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DEAD = ActionQuery(states=("dead",))
FAST = "100 per second"
ORDER = {True: "redeliver", False: "retry"}


@pytest.fixture
async def corridor(database: Database) -> Corridor:
    return await Corridor(database, []).open()


async def asked(corridor: Corridor, *verbs: str, post: str = "p1") -> list[UUID]:
    """Actions of these verbs, as rules ask for them."""
    specs = [
        ActionSpec(
            verb, PROVIDER, payload_of(verb, {"post": post, "attempt": 1, "data": n}), f"run:{post}:{n}", corridor.now()
        )
        for n, verb in enumerate(verbs)
    ]
    async with corridor.database.connection() as conn:
        await actions.intend(
            conn, [ActionRequest(spec, "r", "1", None, PROVIDER, post) for spec in specs], corridor.now()
        )
    return [spec.id for spec in specs]


async def some_dead(corridor: Corridor, number: int) -> list[UUID]:
    """So many messages that were refused for good."""
    corridor.world.answers["send"] = [Discard(Reason.HTTP_4XX) for _ in range(number)]
    ids = await asked(corridor, *["send"] * number)
    await corridor.settle()
    corridor.world.performed.clear()
    return ids


async def plan(corridor: Corridor, query: ActionQuery = DEAD, verb: str = "retry", pace: str = FAST) -> UUID:
    """With what is done too, for the queries of these tests say exactly what they mean."""
    order = parse_order("actions", verb, {}, pace=pace, include_all=True)
    async with corridor.database.transaction() as conn:
        chosen = compiled(which_actions(order, query, None))
        return (await planning.make_plan(conn, order, chosen, "Ada", corridor.now())).id


async def bring(corridor: Corridor, made: UUID, state: str) -> None:
    async with corridor.database.transaction() as conn:
        await planning.bring_plan(conn, made, state, "Ada", corridor.now())


async def stands(corridor: Corridor, made: UUID) -> tuple[str, int, int, int]:
    async with corridor.database.connection() as conn:
        known = await plans.get(conn, made)
    return known.state, known.total, known.ordered, sum(known.skipped.values())


async def step(corridor: Corridor, *, until: float | None = None) -> None:
    """Carry plans out, as far as they are due now, or second by second until then."""
    runner = PlanRunner(corridor.database, corridor.now)
    while True:
        while await runner.step():
            pass
        if until is None or corridor.at >= until:
            return
        corridor.at += 1


async def test_each_is_done_once_more_under_its_own_id_and_keeps_its_history(corridor: Corridor) -> None:
    ids = await some_dead(corridor, 3)
    made = await plan(corridor)
    await step(corridor, until=5)
    assert await stands(corridor, made) == ("done", 3, 3, 0)
    await corridor.settle()
    assert sorted(claimed.id for claimed in corridor.world.performed) == sorted(ids)
    assert {claimed.previous for claimed in corridor.world.performed} == {"discard"}
    assert await corridor.rows("select distinct state, attempts from actions") == [("done", 2)]
    assert await corridor.rows("select outcome, count(*) from action_attempts group by 1 order by 1") == [
        ("discard", 3), ("done", 3),
    ]  # fmt: skip
    async with corridor.database.connection() as conn:
        assert await plans.outcomes(conn, await plans.get(conn, made)) == {"done": 3}


async def test_under_a_fresh_id_it_is_a_new_action_that_says_the_same_and_names_the_old_one(
    corridor: Corridor,
) -> None:
    (old,) = await some_dead(corridor, 1)
    await plan(corridor, verb="redeliver")
    await step(corridor)
    await corridor.settle()
    (claimed,) = corridor.world.performed
    assert claimed.id != old
    assert claimed.idempotency_key != "run:p1:0"
    assert claimed.payload == SendPayload(data=0)
    assert await corridor.rows("select state, redelivers from actions order by created_at, redelivers nulls first") == [
        ("dead", None), ("done", old),
    ]  # fmt: skip


async def test_the_wish_and_each_of_its_actions_are_facts(corridor: Corridor) -> None:
    await corridor.tell(told("p1", "failed", 0))
    await some_dead(corridor, 2)
    made = await plan(corridor)
    await step(corridor)
    corridor.at = 1
    await step(corridor)
    rows = await corridor.rows("select kind, source, post, convert_from(body, 'utf8') from events order by position")
    facts = [(kind, post, json.loads(str(body))["detail"]) for kind, source, post, body in rows if source == "manual"]
    assert [(kind, post) for kind, post, _ in facts] == [
        ("plan.made", None), ("action.retried", "p1"), ("action.retried", "p1"),
    ]  # fmt: skip
    assert {detail["plan"] for _, _, detail in facts} == {str(made)}
    assert (facts[0][2]["by"], facts[0][2]["total"]) == ("Ada", 2)
    await corridor.settle()


async def test_it_goes_at_the_pace_that_was_asked_for(corridor: Corridor) -> None:
    await some_dead(corridor, 7)
    made = await plan(corridor, pace="2 per minute")
    sent = []
    for at in (0, 10, 29, 30, 60, 61, 89, 90):
        corridor.at = at
        await step(corridor)
        sent.append((await stands(corridor, made))[2])
    assert sent == [1, 1, 1, 2, 3, 3, 3, 4]


async def test_a_plan_that_nobody_carried_out_for_long_makes_no_burst(corridor: Corridor) -> None:
    await some_dead(corridor, 30)
    made = await plan(corridor, pace="5 per second")
    corridor.at = 3600
    await step(corridor)
    assert (await stands(corridor, made))[2] == 6


async def test_paused_it_rests_resumed_it_goes_on_and_cancelled_it_ends(corridor: Corridor) -> None:
    await some_dead(corridor, 9)
    made = await plan(corridor, pace="1 per second")
    await step(corridor)
    await bring(corridor, made, "paused")
    await step(corridor, until=10)
    assert await stands(corridor, made) == ("paused", 9, 1, 0)
    await bring(corridor, made, "running")
    await step(corridor, until=12)
    assert await stands(corridor, made) == ("running", 9, 4, 0)
    await bring(corridor, made, "cancelled")
    await step(corridor, until=20)
    assert await stands(corridor, made) == ("cancelled", 9, 4, 0)
    for state in ("paused", "running", "cancelled"):
        with pytest.raises(Rejected, match="is cancelled: only one that is"):
            await bring(corridor, made, state)
    with pytest.raises(NotFound):
        await bring(corridor, UUID(int=1), "paused")


async def test_what_is_under_way_again_or_gone_when_its_turn_comes_is_skipped(corridor: Corridor) -> None:
    first, second, third = await some_dead(corridor, 3)
    made = await plan(corridor)
    async with corridor.database.connection() as conn:
        await commands.retry_action(conn, first, corridor.now())
        await conn.execute("delete from action_attempts where action = $1", second)
        await conn.execute("delete from actions where id = $1", second)
    await step(corridor, until=3)
    assert await stands(corridor, made) == ("done", 3, 1, 2)
    await corridor.settle()
    assert sorted(claimed.id for claimed in corridor.world.performed) == sorted([first, third])


async def test_two_nodes_do_each_action_once(corridor: Corridor) -> None:
    ids = await some_dead(corridor, 60)
    made = await plan(corridor)
    nodes = [PlanRunner(corridor.database, corridor.now) for _ in range(4)]
    for _ in range(5):
        corridor.at += 0.3
        await asyncio.gather(*(node.step() for node in nodes))
    assert await stands(corridor, made) == ("done", 60, 60, 0)
    await corridor.settle()
    assert sorted(claimed.id for claimed in corridor.world.performed) == sorted(ids)


async def test_a_batch_is_all_or_nothing(corridor: Corridor) -> None:
    """Whoever dies in the middle has done none of it, and the plan stands where it stood."""
    await some_dead(corridor, 4)
    made = await plan(corridor)
    async with corridor.database.connection() as conn:
        await conn.execute("alter table plan_items add constraint never check (again is null) not valid")
    corridor.at = 2
    with pytest.raises(Exception, match="never"):
        await step(corridor)
    assert await stands(corridor, made) == ("running", 4, 0, 0)
    assert await corridor.rows("select distinct state from actions") == [("dead",)]
    assert await corridor.rows("select count(*) from events where kind = 'action.retried'") == [(0,)]


@pytest.mark.parametrize(
    ("filters", "chosen"),
    [
        (ActionQuery(states=("dead",)), 1),
        (ActionQuery(states=("dead", "done")), 3),
        (ActionQuery(states=("done",), verb="reconcile"), 1),
        (ActionQuery(states=("done",), post="p2"), 0),
        (ActionQuery(states=("dead",), reason="http_4xx"), 1),
        (ActionQuery(states=("dead",), reason="timeout"), 0),
        (ActionQuery(states=("done",), since=NOON + timedelta(seconds=1)), 0),
        (ActionQuery(states=("done",), until=NOON + timedelta(seconds=1)), 2),
        (ActionQuery(states=("done",), rule="r", target=PROVIDER, provider=PROVIDER), 2),
    ],
    ids=str,
)
async def test_each_filter_chooses_what_it_says(corridor: Corridor, filters: ActionQuery, chosen: int) -> None:
    corridor.world.answers["send"] = [Discard(Reason.HTTP_4XX), Done()]
    await asked(corridor, "send", "send", "reconcile")
    await corridor.settle()
    if chosen == 0:
        with pytest.raises(Rejected, match="no actions fit"):
            await plan(corridor, filters)
        assert await corridor.rows("select * from plans") == []
    else:
        assert (await stands(corridor, await plan(corridor, filters)))[1] == chosen


async def test_too_many_at_once_are_refused(corridor: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    await some_dead(corridor, 4)
    monkeypatch.setattr(queried, "MOST", 3)
    monkeypatch.setattr(planning, "MOST", 3)
    with pytest.raises(Rejected, match="more than 3 actions"):
        await plan(corridor)
    assert await corridor.rows("select count(*) from plan_items") == [(0,)]


SETTINGS = Provider(kind=PROVIDER, api_url="http://127.0.0.1:9/v1")


class Publishing:
    """A provider that says how a post stands, where it can be asked, and publishes whenever it is told to."""

    def __init__(self, standing: State, *, answers: bool = True) -> None:
        self._standing, self._answers = standing, answers
        self.calls: list[Any] = []

    def can(self, call: str) -> bool:
        return self._answers or call != "get"

    def on_behalf_of(self, purpose: Purpose) -> Self:
        return self

    async def get_post(self, post: str, *, then: int = 0) -> Reply[Report]:
        self.calls.append("get")
        return Reply(Report(state=self._standing), Reason.OK)

    async def retry_post(self, post: str, idempotency_key: str) -> Reply[bool]:
        self.calls.append(idempotency_key)
        return Reply(True, Reason.OK)

    async def change_post(self, verb: str, post: str, idempotency_key: str, at: datetime | None = None) -> Reply[bool]:
        raise AssertionError("nothing is to be changed")

    async def show_post(self, post: str, *, then: int = 0) -> Reply[Shown]:
        raise AssertionError("nothing is to be created anew")

    async def create_post(self, post: Mapping[str, Any], idempotency_key: str) -> Reply[str]:
        raise AssertionError("nothing is to be created anew")


async def redelivered_retry(corridor: Corridor, provider: Publishing, filters: ActionQuery, verb: str) -> list[Any]:
    """What the provider was asked when a retry that the filters choose was done once more."""
    await plan(corridor, filters, verb)
    await step(corridor)
    worker = Worker(
        corridor.database, {"retry": RetryPost({PROVIDER: provider}, {PROVIDER: SETTINGS})}, "node", corridor.now
    )
    assert await worker.claim() == 1
    await worker.settle()
    return provider.calls


@pytest.mark.parametrize("fresh", [False, True], ids=["same", "fresh"])
@pytest.mark.parametrize("state", ["dead", "done"])
@pytest.mark.parametrize("standing", [State.FAILED, State.PUBLISHED, State.PUBLISHING])
async def test_a_retry_is_never_repeated_without_asking_the_provider_first(
    corridor: Corridor, fresh: bool, state: str, standing: State
) -> None:
    corridor.world.answers["retry"] = [Discard(Reason.HTTP_4XX) if state == "dead" else Done()]
    await asked(corridor, "retry")
    await corridor.settle()
    calls = await redelivered_retry(corridor, Publishing(standing), ActionQuery(states=(state,)), ORDER[fresh])
    assert calls[0] == "get"
    assert len(calls) == (2 if standing is State.FAILED else 1)
    assert ("run:p1:0" in calls) is (standing is State.FAILED and not fresh)


@pytest.mark.parametrize(("fresh", "state"), [(True, "dead"), (True, "done"), (False, "done")])
async def test_where_the_provider_cannot_be_asked_what_may_have_been_heard_is_not_repeated(
    corridor: Corridor, fresh: bool, state: str
) -> None:
    """It ends as unknown, for a person to look at."""
    corridor.world.answers["retry"] = [Discard(Reason.HTTP_4XX) if state == "dead" else Done()]
    await asked(corridor, "retry")
    await corridor.settle()
    provider = Publishing(State.FAILED, answers=False)
    assert await redelivered_retry(corridor, provider, ActionQuery(states=(state,)), ORDER[fresh]) == []
    assert ("unknown",) in await corridor.rows("select state from actions")


@pytest.mark.parametrize(
    ("fresh", "state", "honours"),
    [(True, "dead", False), (True, "dead", True), (True, "done", True), (False, "done", False)],
)
async def test_a_post_that_may_have_been_created_anew_already_is_not_created_under_another_key(
    corridor: Corridor, fresh: bool, state: str, honours: bool
) -> None:
    """Asking about the old post tells nothing of the new one, and only under the same key can the provider tell."""
    corridor.world.answers["retry"] = [Discard(Reason.HTTP_5XX) if state == "dead" else Done()]
    await asked(corridor, "retry")
    await corridor.settle()
    await plan(corridor, ActionQuery(states=(state,)), ORDER[fresh])
    await step(corridor)
    settings = SETTINGS.model_copy(update={"retry": "create", "create_honours_key": honours})
    performer = RetryPost({PROVIDER: Publishing(State.FAILED)}, {PROVIDER: settings})
    worker = Worker(corridor.database, {"retry": performer}, "node", corridor.now)
    assert await worker.claim() == 1
    await worker.settle()
    assert ("unknown", "lost") in await corridor.rows("select state, reason from actions")


async def test_a_fresh_retry_is_of_the_attempt_at_which_the_post_stands_by_now(corridor: Corridor) -> None:
    corridor.world.answers["retry"] = [Discard(Reason.HTTP_4XX)]
    await asked(corridor, "retry")
    await corridor.settle()
    await corridor.tell(told("p1", "failed", 1), told("p1", "publishing", 2), told("p1", "failed", 3))
    corridor.at = 5
    await plan(corridor, verb="redeliver")
    await step(corridor)
    await corridor.settle()
    assert corridor.world.performed[-1].payload == RetryPayload(post="p1", attempt=2)
    assert await corridor.rows("select state, attempt from posts") == [("retrying", 3)]
