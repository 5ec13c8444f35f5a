"""Signals over the API: what other systems say reaches the rules, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FILE = """
[rule.sync]
on = "post.published"
do = [{ wait = "cms.acked" }, { alert = "ops", title = "the CMS has it" }]

[rule.complaint]
on = "support.complained"
do = [{ alert = "ops", title = "somebody complains about {{ post.id }}" }]
"""


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API, and a client with a key that may operate."""
    parts = Parts(database, lambda: NOON, None, providers=(PROVIDER,), readers=READERS)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        yield client


@pytest.fixture
async def corridor(database: Database, tmp_path: Path) -> Corridor:
    return await Corridor(database, in_force(tmp_path, FILE).index()).open()


async def signal(client: httpx2.AsyncClient, name: str, **said: Any) -> Any:
    response = await client.post(f"/api/v1/signals/{name}", json=said)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_signal_ends_a_wait_and_stands_in_the_history_of_its_post(
    client: httpx2.AsyncClient, corridor: Corridor
) -> None:
    await corridor.tell(told("p1", "published", 0))
    assert not (await signal(client, "cms.acked", post="p1", data={"url": "https://cms.example/1"}))["duplicate"]
    await corridor.settle()
    assert corridor.world.verbs == {"alert": 1}
    said = "select body->'detail'->'data'->>'url', body->'detail'->>'by' from"
    assert await corridor.rows(
        f"{said} (select convert_from(body, 'UTF8')::json as body from events where source = 'signal') told"
    ) == [("https://cms.example/1", "test operate")]
    history = (await client.get("/api/v1/posts/p1/history")).json()["items"]
    facts = [entry["data"] for entry in history if entry["type"] == "fact"]
    assert [(fact["event"], fact["source"]) for fact in facts] == [
        ("post.published", PROVIDER), ("cms.acked", "signal"), ("action.done", "action"),
    ]  # fmt: skip


async def test_a_signal_that_came_before_anybody_waited_is_found(
    client: httpx2.AsyncClient, corridor: Corridor
) -> None:
    await corridor.tell(told("p1", "publishing", -1))
    await corridor.tell(told("p1", "published", 0))
    await signal(client, "cms.acked", post="p1")
    await corridor.settle()
    assert await corridor.rows("select state from runs") == [("done",)]


async def test_a_signal_sets_a_rule_going_once_however_often_it_is_sent_under_its_id(
    client: httpx2.AsyncClient, corridor: Corridor
) -> None:
    await corridor.tell(told("p1", "published", 0))
    first = await signal(client, "support.complained", post="p1", id="ticket-7")
    again = await signal(client, "support.complained", post="p1", id="ticket-7", data={"more": "words"})
    assert again == {"position": first["position"], "duplicate": True}
    await signal(client, "support.complained", post="p1", id="ticket-8")
    await corridor.settle()
    assert await corridor.rows("select count(*) from firings where rule = 'complaint'") == [(2,)]


async def test_two_signals_without_an_id_are_two(client: httpx2.AsyncClient) -> None:
    first, second = await signal(client, "cms.acked"), await signal(client, "cms.acked")
    assert first["position"] != second["position"]
    assert not second["duplicate"]


async def test_a_signal_may_be_about_a_provider_or_about_nothing(client: httpx2.AsyncClient) -> None:
    await signal(client, "account.disconnected", provider=PROVIDER)
    await signal(client, "deploy.finished")
    events = (await client.get("/api/v1/events?source=signal")).json()["items"]
    assert [(event["type"], event["provider"], event["post"]) for event in events] == [
        ("account.disconnected", PROVIDER, None), ("deploy.finished", "", None),
    ]  # fmt: skip
