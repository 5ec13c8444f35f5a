"""Retries that publish once: by two who ask at once in two processes, and by creating the post anew."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.integration.corridor import Corridor
from tests.integration.gates import OpenGate
from tests.integration.little_provider import FAILED, RECREATE, little_provider
from tests.integration.told import NOON, PROVIDER, told
from tests.unit.reactions import RETRY, on
from tracker.act.performers.channels import build_performers
from tracker.act.performers.provider_actions import GENERATIONS
from tracker.act.worker import Worker
from tracker.domain.actions import ActionSpec, Claimed, Discard, Done, Outcome, Reason, Retry, Unknown
from tracker.domain.calls.call_limits import Permit, Refused
from tracker.domain.payloads import RetryPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.facts.commands import discard_action
from tracker.facts.own_facts import continued
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients
from tracker.providers.rate_limiter import SharedRateLimiter
from tracker.settings import Settings
from tracker.store.actions import action_claims, actions
from tracker.store.actions.action_claims import Room
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.little_provider import LittleProvider
    from tracker.act.worker import Performer
    from tracker.providers.rate_limiter import RateLimiter

pytestmark = pytest.mark.anyio

CREATE: dict[str, Any] = {"retry": "create", "recreate": RECREATE}
ACTION = Claimed(
    uuid4(), "retry", PROVIDER, RetryPayload(post="p1", attempt=1), "key-1", 1, 1, None, PROVIDER, "p1",
    "r", None, NOON,
)  # fmt: skip


def settings(provider: LittleProvider, **more: Any) -> Settings:
    section = {"kind": "sosyalkopru", "api_url": provider.url, "api_key": "k", **more}
    return Settings.model_validate({"providers": {PROVIDER: section}})


@asynccontextmanager
async def performers(wanted: Settings, gate: RateLimiter) -> AsyncIterator[dict[str, Performer]]:
    async with Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=5)) as outbound:
        yield {**build_performers(wanted, build_clients(wanted, outbound, gate), outbound)}


async def perform(
    provider: LittleProvider, action: Claimed = ACTION, gate: RateLimiter | None = None, **more: Any
) -> Outcome:
    """The outcome of one attempt."""
    async with performers(settings(provider, **more), gate or OpenGate()) as verbs:
        return await verbs["retry"].perform(action, NOON)


@asynccontextmanager
async def two_workers(database_url: str, wanted: Settings) -> AsyncIterator[list[Worker]]:
    """As in two processes: each with its own pool of connections."""
    async with AsyncExitStack() as stack:
        workers = []
        for name in ("one", "two"):
            database = await stack.enter_async_context(Database.open(database_url))
            verbs = await stack.enter_async_context(performers(wanted, SharedRateLimiter(database, wanted)))
            workers.append(Worker(database, verbs, name, lambda: NOON))
        yield workers


async def intend(database: Database, *rules: str, post: str = "p1", attempt: int = 1) -> list[str]:
    """A retry of the post for each rule; "" is a person."""
    payload = RetryPayload(post=post, attempt=attempt)
    asked = [
        ActionRequest(ActionSpec("retry", PROVIDER, payload, str(uuid4()), NOON), rule, "1", uuid4(), PROVIDER, post)
        for rule in rules
    ]
    async with database.transaction() as conn:
        await actions.intend(conn, asked, NOON)
        await conn.execute("update actions set rule = null, revision = null, run = null where rule = ''")
    return [str(one.action.id) for one in asked]


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.connection() as conn:
        return [tuple(row) for row in await conn.fetch(query)]


async def until_done(*workers: Worker) -> None:
    while any(await asyncio.gather(*(worker.claim() for worker in workers))):
        await asyncio.gather(*(worker.settle() for worker in workers))


@pytest.mark.parametrize(
    ("more", "call", "second"), [({}, "POST /posts/p1/retry", "not_needed"), (CREATE, "POST /posts", "recreated")]
)
async def test_two_who_ask_at_once_in_two_processes_have_it_tried_once(
    database_url: str, database: Database, more: dict[str, Any], call: str, second: str
) -> None:
    """Two rules and two people: while the first is at it the others wait, and then nothing is left to do.

    The provider still says that the post has failed, so asking it would not have kept them from it.
    """
    async with little_provider(slow=True) as provider, two_workers(database_url, settings(provider, **more)) as both:
        await intend(database, "a", "", "", "b")
        assert sum(await asyncio.gather(*(worker.claim() for worker in both))) == 1
        await asyncio.wait_for(provider.begun.wait(), 5)
        for worker in both:
            assert await worker.claim() == 0
        provider.go.set()
        await asyncio.gather(*(worker.settle() for worker in both))
        await until_done(*both)
    assert (provider.made, provider.most) == ({call: 1}, 1)
    ends = sorted(await rows(database, "select state, reason from actions"))
    assert ends == sorted([("done", "recreated" if more else "ok"), *[("done", second)] * 3])


async def test_a_later_attempt_of_the_post_is_tried_again(database_url: str, database: Database) -> None:
    """What was taken before speaks of the attempt that it was for, and of no other."""
    async with little_provider() as provider, two_workers(database_url, settings(provider)) as both:
        await intend(database, "a")
        await until_done(*both)
        await intend(database, "b", attempt=2)
        await until_done(*both)
        assert provider.made == {"POST /posts/p1/retry": 2}


async def test_many_races_end_with_one_new_post(database_url: str, database: Database) -> None:
    async with little_provider() as provider, two_workers(database_url, settings(provider, **CREATE)) as both:
        posts = [f"q{number}" for number in range(12)]
        provider.posts |= {post: dict(FAILED) for post in posts}
        await asyncio.gather(*(intend(database, "a", "", "b", post=post) for post in posts))
        await until_done(*both)
        assert provider.made == {"POST /posts": len(posts)}
    assert await rows(database, "select distinct state, reason from actions") == [("done", "recreated")]


async def test_a_post_is_created_anew_from_what_the_provider_says_of_it() -> None:
    """Once all of it has failed, with the key of the action."""
    async with little_provider() as provider:
        outcome = await perform(provider, **CREATE)
    assert isinstance(outcome, Done)
    assert (outcome.reason, outcome.continued_as) == (Reason.RECREATED, "p2")
    assert provider.bodies == [{"platforms": ["x", "tiktok"], "content": {"text": "hello"}}]
    assert provider.calls == [("GET /posts/p1", ""), ("POST /posts", "key-1")]
    assert outcome.exchange.request["idempotency_key"] == "key-1"


@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        ({"status": "PUBLISHING", "platforms": []}, Done, Reason.NOT_NEEDED),
        ({"status": "PARTIAL", "platforms": []}, Discard, Reason.NOT_RETRYABLE),
        ({"platforms": [{"platform": "x", "status": "FAILED"}, {"platform": "y", "status": "PUBLISHED"}]},
         Discard, Reason.NOT_RETRYABLE),
        ({"platforms": [{"platform": "x", "status": "FAILED", "platformPostUrl": "https://x"}]},
         Discard, Reason.NOT_RETRYABLE),
        ({"platforms": [{"platform": "x", "status": "FAILED"}, {"platform": "y", "status": "ODD"}]},
         Discard, Reason.NOT_RETRYABLE),
        ({"error": {"code": "banned", "retryable": False}}, Discard, Reason.NOT_RETRYABLE),
        ({"content": None}, Discard, Reason.NOT_CONFIGURED),
        ({"platforms": []}, Discard, Reason.NOT_CONFIGURED),
    ],
)  # fmt: skip
async def test_what_may_be_published_in_part_or_cannot_be_copied_is_not_created_anew(
    said: dict[str, Any], outcome: type, reason: Reason
) -> None:
    async with little_provider() as provider:
        provider.posts["p1"] |= said
        result = await perform(provider, **CREATE)
    assert (type(result), result.reason) == (outcome, reason)
    assert result.detail
    assert provider.made == {}


async def test_a_lost_answer_to_a_creation_is_shown_as_unknown_and_never_repeated(
    database_url: str, database: Database
) -> None:
    """Not by the same action, not by another one, and not by hand, until a person has discarded it."""
    async with little_provider() as provider, two_workers(database_url, settings(provider, **CREATE)) as both:
        provider.loses = 1
        (first,) = await intend(database, "a")
        await until_done(*both)
        assert await rows(database, "select state, reason from actions") == [("unknown", "bad_answer")]
        await intend(database, "", "b")
        await until_done(*both)
        assert provider.made == {"POST /posts": 1}
        assert await rows(database, "select distinct state from actions") == [("unknown",)]
        async with database.transaction() as conn:
            for (action,) in await rows(database, "select id from actions"):
                await discard_action(conn, action, NOON)
        await intend(database, "")
        await until_done(*both)
        assert provider.made == {"POST /posts": 2}
        assert first


@pytest.mark.parametrize("previous", ["lost", "unknown"])
async def test_a_creation_whose_process_died_is_not_repeated(previous: str) -> None:
    async with little_provider() as provider:
        outcome = await perform(provider, replace(ACTION, attempt=2, previous=previous), **CREATE)
    assert isinstance(outcome, Unknown)
    assert provider.calls == []


async def test_a_provider_that_honours_the_key_is_told_again() -> None:
    """With the same key, and it creates one post."""
    known: dict[str, Any] = {**CREATE, "create_honours_key": True}
    async with little_provider() as provider:
        provider.loses = 1
        lost = await perform(provider, **known)
        assert isinstance(lost, Retry)
        assert not lost.waits
        again = await perform(provider, replace(ACTION, attempt=2, previous="lost"), **known)
    assert isinstance(again, Done)
    assert again.continued_as == "p2"
    assert [key for call, key in provider.calls if call == "POST /posts"] == ["key-1", "key-1"]
    assert len(provider.posts) == 2


async def test_where_another_action_may_have_created_it_no_key_helps() -> None:
    """It is another wish, with another key."""
    async with little_provider() as provider:
        outcome = await perform(provider, replace(ACTION, other="unknown"), **CREATE, create_honours_key=True)
    assert isinstance(outcome, Unknown)
    assert provider.calls == []


async def test_a_provider_that_cannot_be_asked_is_told_once_by_all_actions_together() -> None:
    async with little_provider() as provider:
        outcome = await perform(provider, replace(ACTION, other="unknown"), calls={"get": ""})
    assert isinstance(outcome, Unknown)
    assert provider.calls == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"retry": "never"}, Reason.NOT_RETRYABLE),
        ({"calls": {"retry": ""}}, Reason.NOT_RETRYABLE),
        ({"calls": {"retry": ""}, "api_key": ""}, Reason.NOT_CONFIGURED),
    ],
)
async def test_where_nothing_can_be_tried_the_action_ends_with_the_reason(
    database: Database, more: dict[str, Any], reason: Reason
) -> None:
    """It is dead, so that what the rule says for that case is done; the attempt says why."""
    async with little_provider() as provider, performers(settings(provider, **more), OpenGate()) as verbs:
        await intend(database, "a")
        await until_done(Worker(database, verbs, "one", lambda: NOON))
    assert provider.calls == []
    assert await rows(database, "select state, reason from actions") == [("dead", reason)]
    ((response,),) = await rows(database, "select response from action_attempts")
    assert f"providers.{PROVIDER}" in response["detail"]


@pytest.mark.parametrize("more", [{}, CREATE])
@pytest.mark.parametrize("room", [0, 1])
async def test_without_room_a_retry_waits_and_publishes_nothing(room: int, more: dict[str, Any]) -> None:
    """Refused at the question, or once it was answered."""
    spent = Refused(Reason.BUDGET_SPENT, "spent", timedelta(minutes=7))
    gate = OpenGate(answers=[*[Permit()] * room, spent])
    async with little_provider() as provider:
        outcome = await perform(provider, gate=gate, **more)
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.after, outcome.waits) == (Reason.BUDGET_SPENT, timedelta(minutes=7), True)
    assert (len(provider.calls), provider.made) == (room, {})
    assert [wish.room for wish in gate.asked] == [2, 1][: room + 1]


@pytest.mark.parametrize(("rule", "purpose"), [("r", "reaction"), (None, "operation")])
@pytest.mark.parametrize("verb", ["retry", "reconcile"])
async def test_what_no_rule_asked_for_is_called_on_behalf_of_a_person(
    rule: str | None, purpose: str, verb: str
) -> None:
    gate = OpenGate()
    async with little_provider() as provider, performers(settings(provider), gate) as verbs:
        await verbs[verb].perform(replace(ACTION, verb=verb, rule=rule), NOON)
    assert {wish.purpose for wish in gate.asked} == {purpose}


async def test_the_two_posts_are_linked_and_the_rule_goes_on(database: Database) -> None:
    """Each bears the other's name as a label, a rebuild knows it too, and the run does not wait for the old one."""
    async with little_provider() as provider, performers(settings(provider, **CREATE), OpenGate()) as verbs:
        corridor = Corridor(database, [on("post.failed", do=[RETRY])])
        corridor.worker = Worker(database, verbs, "only", corridor.now)
        await corridor.open()
        await corridor.tell(told("p1", "failed", 1))
        await corridor.wait_until(120)
    assert provider.made == {"POST /posts": 1}
    labels = "select post, state, fold -> 'labels' from posts order by post"
    assert await corridor.rows(labels) == [
        ("p1", "failed", {"continued_as": "p2"}),
        ("p2", "unknown", {"attempt_of": "p1"}),
    ]
    assert await corridor.rows("select state from runs") == [("done",)]
    assert await corridor.rows("select source, kind, post from events where source = 'action' order by position") == [
        ("action", "action.done", "p1"),
        ("action", "post.labelled", "p1"),
        ("action", "post.labelled", "p2"),
    ]


async def test_a_row_of_posts_that_take_one_anothers_place_comes_to_an_end(database: Database) -> None:
    """Whatever the rules say."""
    corridor = await Corridor(database, []).open()
    for number in range(1, GENERATIONS + 1):
        old = replace(ACTION, id=uuid4(), post=f"p{number}")
        await corridor.tell(*continued(old, f"p{number + 1}", NOON, NOON))
    found = []
    for number in range(1, GENERATIONS + 2):
        await intend(database, "a", post=f"p{number}")
        async with database.transaction() as conn:
            taken = await action_claims.claim(conn, "w", NOON, timedelta(minutes=1), Room(1, 1))
        assert taken
        claimed = taken.actions[0]
        found.append(claimed.generation)
    assert found == list(range(1, GENERATIONS + 2))
    async with little_provider() as provider:
        outcome = await perform(provider, claimed, **CREATE)
    assert isinstance(outcome, Discard)
    assert (outcome.reason, provider.calls) == (Reason.NOT_RETRYABLE, [])
