"""Posts cancelled, moved, deleted and created at a simulated provider: asked first, and never twice on a guess."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.integration.corridor import Corridor
from tests.integration.gates import OpenGate
from tests.integration.told import NOON, PROVIDER, told
from tracker.act.performers.channels import build_performers
from tracker.act.performers.provider_actions import GENERATIONS
from tracker.act.worker import Worker
from tracker.domain.actions import Claimed, Discard, Done, Outcome, Reason, Retry, Unknown
from tracker.domain.payloads import ChangePayload, CreatePayload, Payload
from tracker.domain.posts.event import State
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients
from tracker.queries.why import actions_of
from tracker.rulebook import load_text
from tracker.settings import Settings
from tracker.simulator import ManualClock, Outage, Simulator, run_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.act.worker import Performer
    from tracker.domain.calls.call_limits import CallRequest, Permit, Refused
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
LATER = NOON + HOUR
CALLS = {
    "cancel": "POST /posts/{post}/cancel",
    "reschedule": 'PATCH /posts/{post} {"scheduling": {"scheduledAt": "{at}"}}',
    "delete": "DELETE /posts/{post}",
}
MOVE = ChangePayload(was=LATER, at=LATER + HOUR)
SAID: dict[str, Payload] = {"cancel": ChangePayload(), "reschedule": MOVE, "delete": ChangePayload()}
ENDS = {"cancel": State.CANCELLED, "reschedule": State.SCHEDULED, "delete": State.REMOVED}
WRITES = {"cancel": "POST", "reschedule": "PATCH", "delete": "DELETE", "create": "POST"}


@dataclass
class Losing(OpenGate):
    """A gate after which the next call of the verb `loses` is done by the provider, and its answer is lost."""

    simulator: Simulator | None = None
    loses: str = ""

    async def acquire(self, provider: str, wish: CallRequest) -> Permit | Refused:
        if self.simulator:
            self.simulator.outage = Outage.ANSWER_LOST if wish.call == self.loses else None
            self.loses = "" if wish.call == self.loses else self.loses
        return await super().acquire(provider, wish)


@dataclass
class House:
    """A simulated provider, and the performers that call it over HTTP."""

    simulator: Simulator
    clock: ManualClock
    gate: Losing
    verbs: dict[str, Performer]

    async def do(self, verb: str, post: str, said: Payload | None = None, **more: Any) -> Outcome:
        """One attempt."""
        payload = replace(said or SAID[verb], post=post)
        claimed = Claimed(
            uuid4(), verb, PROVIDER, payload, "key-1", 1, 1, None, PROVIDER, post, "r", None, NOON
        )  # fmt: skip
        return await self.verbs[verb].perform(replace(claimed, **more), NOON)

    def made(self, verb: str) -> int:
        """How often the provider was called to change something."""
        return sum(call.method == WRITES[verb] for call in self.simulator.calls)


@asynccontextmanager
async def house(calls: dict[str, str] | None = None, **more: Any) -> AsyncIterator[House]:
    clock = ManualClock(NOON)
    async with (
        run_simulator(clock=clock) as simulator,
        Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=0.5)) as outbound,
    ):
        section = {"kind": "sosyalkopru", "api_url": simulator.url, "api_key": "sk_simulated", **more}
        settings = Settings.model_validate({"providers": {PROVIDER: section | {"calls": CALLS | (calls or {})}}})
        gate = Losing(simulator=simulator)
        performers = build_performers(settings, build_clients(settings, outbound, gate), outbound)
        yield House(simulator, clock, gate, {**performers})


@pytest.mark.parametrize("verb", CALLS)
async def test_a_post_is_changed_once_and_what_is_so_already_is_left_alone(verb: str) -> None:
    async with house() as at:
        post = at.simulator.create(["x"], "#publish", at=LATER)
        first, second = await at.do(verb, post), await at.do(verb, post)
        truth = at.simulator.truth()[post]
        assert (truth.state, truth.scheduled_at) == (ENDS[verb], LATER + HOUR if verb == "reschedule" else LATER)
        assert isinstance(first, Done)
        assert first.reason is Reason.OK
        assert isinstance(second, Done)
        assert second.reason is Reason.NOT_NEEDED
        assert at.made(verb) == 1
        await at.clock.advance(3 * HOUR)
        assert at.simulator.truth()[post].published == ({"x#1": 1} if verb == "reschedule" else {})


@pytest.mark.parametrize("verb", CALLS)
async def test_a_lost_answer_is_asked_about(verb: str) -> None:
    """At once, or by the next attempt where that is lost too; where nobody can be asked, it is shown as unknown."""
    async with house() as at:
        post = at.simulator.create(["x"], at=LATER)
        at.gate.loses = verb
        lost = await at.do(verb, post)
        assert isinstance(lost, Done)
        assert lost.learned
        assert lost.learned.state is ENDS[verb]
        assert at.made(verb) == 1
    async with house({"get": ""}) as at:
        post = at.simulator.create(["x"], at=LATER)
        at.gate.loses = verb
        assert isinstance(await at.do(verb, post), Unknown)
        assert isinstance(await at.do(verb, post, attempt=2, previous="lost"), Unknown)
        assert at.made(verb) == 1


@pytest.mark.parametrize("verb", CALLS)
async def test_where_it_cannot_be_asked_now_nothing_is_done(verb: str) -> None:
    async with house() as at:
        post = at.simulator.create(["x"], at=LATER)
        at.gate.simulator, at.simulator.outage = None, Outage.UNAVAILABLE
        assert isinstance(await at.do(verb, post), Retry)
        assert at.made(verb) == 0


@pytest.mark.parametrize("verb", ["cancel", "reschedule"])
async def test_what_has_begun_is_neither_cancelled_nor_moved(verb: str) -> None:
    async with house() as at:
        post = at.simulator.create(["x"], "#publish")
        outcome = await at.do(verb, post)
        assert isinstance(outcome, Discard)
        assert outcome.learned
        assert (outcome.reason, at.made(verb)) == (Reason.NOT_NEEDED, 0)
        assert "the provider says publishing" in outcome.detail


async def test_a_published_post_is_deleted_and_one_that_nobody_knows_counts_as_deleted() -> None:
    async with house() as at:
        post = at.simulator.create(["x"], "#publish")
        await at.clock.advance(HOUR)
        assert isinstance(await at.do("delete", post), Done)
        assert at.simulator.truth()[post].state is State.REMOVED
        gone = await at.do("delete", "post_of_nobody")
        assert isinstance(gone, Done)
        assert gone.gone
        assert isinstance(await at.do("reschedule", "post_of_nobody"), Discard)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (ChangePayload(was=LATER - HOUR, at=LATER + HOUR), "it was moved meanwhile: the provider says 2026"),
        (ChangePayload(was=LATER, at=NOON), "is over"),
        (ChangePayload(), "no time that could be moved"),
    ],
)
async def test_a_time_that_nobody_meant_is_not_set(said: ChangePayload, why: str) -> None:
    async with house() as at:
        post = at.simulator.create(["x"], at=LATER)
        outcome = await at.do("reschedule", post, said)
        assert isinstance(outcome, Discard)
        assert why in outcome.detail
        assert (at.made("reschedule"), at.simulator.truth()[post].scheduled_at) == (0, LATER)


@pytest.mark.parametrize("verb", [*CALLS, "create"])
async def test_a_provider_without_the_call_is_not_configured(verb: str) -> None:
    async with house(dict.fromkeys((*CALLS, "create"), "")) as at:
        said = CreatePayload(platforms=("x",), text="y") if verb == "create" else None
        outcome = await at.do(verb, "p", said)
        assert isinstance(outcome, Discard)
        assert outcome.reason is Reason.NOT_CONFIGURED
        assert f"no call to {verb} a post" in outcome.detail


RECREATE = {"recreate": {"platforms": "platforms.*.platform"}}
"""The simulator tells no text of a post."""


async def test_another_post_is_created_from_this_one() -> None:
    async with house(**RECREATE) as at:
        post = at.simulator.create(["x"], "#fail=timeout")
        await at.clock.advance(HOUR)
        said = CreatePayload(platforms=("bluesky",), accounts=("acc_2",), text="#publish elsewhere", was="failed")
        outcome = await at.do("create", post, said)
        assert isinstance(outcome, Done)
        assert outcome.continued_as
        await at.clock.advance(HOUR)
        assert at.simulator.truth()[outcome.continued_as].published == {"bluesky#1": 1}


async def test_a_creation_is_never_made_twice_on_a_guess() -> None:
    said = CreatePayload(platforms=("bluesky",), text="#publish", was="failed")
    async with house() as at:
        post = at.simulator.create(["x"], "#fail=timeout")
        await at.clock.advance(HOUR)
        at.gate.loses = "create"
        assert isinstance(await at.do("create", post, said), Unknown)
        assert isinstance(await at.do("create", post, said, attempt=2, previous="lost"), Unknown)
        assert isinstance(await at.do("create", post, said, other="unknown"), Unknown)
        again = await at.do("create", post, said, other="recreated")
        assert isinstance(again, Done)
        assert again.reason is Reason.NOT_NEEDED
        deep = await at.do("create", post, said, generation=GENERATIONS + 1)
        assert isinstance(deep, Discard)
        assert deep.reason is Reason.NOT_RETRYABLE
        assert at.made("create") == 1
        at.simulator.retry(post)
        late = await at.do("create", post, said)
        assert isinstance(late, Discard)
        assert "it was failed when the rule decided" in late.detail
    async with house(create_honours_key=True) as at:
        post = at.simulator.create(["x"], "#fail=timeout")
        await at.clock.advance(HOUR)
        at.gate.loses = "create"
        assert isinstance(await at.do("create", post, said), Retry)
        assert isinstance(await at.do("create", post, said, attempt=2, previous="retry"), Done)
        assert len(at.simulator.truth()) == 2


async def test_without_a_text_and_without_recreate_nothing_is_created() -> None:
    async with house() as at:
        post = at.simulator.create(["x"], "#publish")
        outcome = await at.do("create", post, CreatePayload(platforms=("bluesky",)))
        assert isinstance(outcome, Discard)
        assert "recreate: is not set" in outcome.detail
        assert at.made("create") == 0


RULES = """
[rule.cancel]
on = "post.scheduled"
do = [{ cancel = "post" }, { set = { by = "cancel" } }]
[rule.cancel-too]
on = "post.scheduled"
do = [{ cancel = "post" }]
[rule.reschedule]
on = "post.scheduled"
do = [{ reschedule = "+1h" }, { set = { by = "reschedule" } }]
[rule.delete]
on = "post.scheduled"
do = [{ delete = "post" }, { set = { by = "delete" } }]
"""


async def story(database: Database, at: House, *names: str, post: str) -> Corridor:
    book = load_text(RULES)
    assert book.faults == ()
    corridor = Corridor(database, [rule for rule in book.rules if rule.id in names])
    corridor.worker = Worker(database, at.verbs, "only", corridor.now)
    await corridor.open()
    corridor.at = 5
    await corridor.tell(told(post, "scheduled", 1, due=3600))
    await corridor.wait_until(120)
    return corridor


@pytest.mark.parametrize("verb", CALLS)
async def test_what_the_provider_took_is_a_fact_and_the_rule_goes_on(verb: str, database: Database) -> None:
    async with house() as at:
        post = at.simulator.create(["x"], at=LATER)
        corridor = await story(database, at, verb, post=post)
        assert at.simulator.truth()[post].state is ENDS[verb]
    (row,) = await corridor.rows("select state, scheduled_at, fold -> 'labels' from posts")
    assert row == (ENDS[verb], LATER + (HOUR if verb == "reschedule" else timedelta(0)), {"by": verb})
    assert await corridor.rows("select verb, state, reason from actions") == [(verb, "done", "ok")]
    assert await corridor.rows("select state from runs") == [("done",)]
    async with database.connection() as conn:
        (taken,) = await actions_of(conn, [await conn.fetchval("select id from runs")])
    assert (taken.verb, taken.target, taken.state, taken.reason) == (verb, PROVIDER, "done", "ok")
    assert await corridor.rows("select kind from events where source = 'action'") == [("action.done",)]


async def test_of_two_rules_one_cancels_and_the_other_finds_it_done(database: Database) -> None:
    async with house() as at:
        post = at.simulator.create(["x"], at=LATER)
        corridor = await story(database, at, "cancel", "cancel-too", post=post)
        assert at.made("cancel") == 1
    assert sorted(await corridor.rows("select state, reason from actions")) == [("done", "not_needed"), ("done", "ok")]
