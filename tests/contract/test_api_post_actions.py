"""A post by hand: the provider tries it again, or is asked; by the machinery that rules use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.told import PROVIDER, told
from tracker.api import Parts, application
from tracker.domain.actions import Done
from tracker.domain.posts.event import Report, State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def corridor(database: Database) -> Corridor:
    """A failed post, and one that is published, with no rule at all."""
    corridor = await Corridor(database, []).open()
    await corridor.tell(told("p1", "failed", 1), told("p2", "published", 2))
    corridor.at = 10
    return corridor


@pytest.fixture
async def client(database: Database, corridor: Corridor) -> AsyncIterator[httpx2.AsyncClient]:
    parts = Parts(database, corridor.now, None, providers=(PROVIDER,), readers=READERS)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        yield client


async def ask(client: httpx2.AsyncClient, path: str, status: int = 202) -> Any:
    answer = await client.post(f"/api/v1/posts/{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_failed_post_is_tried_again_and_the_log_says_who_asked(
    client: httpx2.AsyncClient, corridor: Corridor
) -> None:
    action = await ask(client, "p1/retry")
    assert (action["verb"], action["target"], action["state"], action["rule"]) == ("retry", PROVIDER, "pending", None)
    assert (action["run"], action["payload"]["attempt"]) == (None, 1)
    await corridor.settle()
    assert corridor.world.verbs == {"retry": 1}
    post = (await client.get("/api/v1/posts/p1")).json()
    assert (post["state"], post["attempt"]) == ("retrying", 2)
    facts = [e["data"] for e in (await client.get("/api/v1/posts/p1/history")).json()["items"] if e["type"] == "fact"]
    assert [fact["event"] for fact in facts] == ["post.failed", "action.requested", "action.done"]
    (wish,) = (await client.get("/api/v1/events?type=action.requested")).json()["items"]
    assert (wish["source"], wish["post"]) == ("manual", "p1")


async def test_what_the_provider_answers_is_a_fact(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    corridor.world.answers["reconcile"] = [Done(learned=Report(state=State.PUBLISHED))]
    action = await ask(client, "p1/reconcile")
    await corridor.settle()
    assert (await client.get(f"/api/v1/actions/{action['id']}")).json()["state"] == "done"
    assert (await client.get("/api/v1/posts/p1")).json()["state"] == "published"


@pytest.mark.parametrize("verb", ["retry", "reconcile"])
async def test_who_asks_twice_gets_the_one_that_is_open(
    client: httpx2.AsyncClient, corridor: Corridor, verb: str
) -> None:
    asked = await asyncio.gather(*(ask(client, f"p1/{verb}") for _ in range(8)))
    assert len({action["id"] for action in asked}) == 1
    await corridor.settle()
    assert corridor.world.verbs == {verb: 1}
    if verb == "retry":
        await corridor.tell(told("p1", "failed", 30))
    assert (await ask(client, f"p1/{verb}"))["id"] != asked[0]["id"]


async def test_only_what_has_failed_is_tried_again(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    refusal = await ask(client, "p2/retry", 409)
    assert refusal["type"] == "urn:tracker:problem:not-failed"
    assert "published" in refusal["detail"]
    await corridor.settle()
    assert corridor.world.verbs == {}


@pytest.mark.parametrize("verb", ["retry", "reconcile"])
async def test_it_needs_a_post_and_a_key_that_may_operate(
    client: httpx2.AsyncClient, database: Database, verb: str
) -> None:
    assert "nobody" in (await ask(client, f"nobody/{verb}", 404))["detail"]
    client.headers |= await bearer(database, "read")
    assert "operate" in (await ask(client, f"p1/{verb}", 403))["detail"]
