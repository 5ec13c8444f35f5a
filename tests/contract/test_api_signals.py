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

    from tracker.process.active_rules import ActiveRules
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FILE = """
[rule.sync]
on = "post.published"
do = [{ wait = "cms.acked" }, { alert = "ops", title = "the CMS has it" }]

[rule.approved]
on   = "legal.approved"
when = "has(event.data.by) && event.data.score > 3"
do   = [{ alert = "ops", title = "{{ post.id }}: approved by {{ has(event.data.by) ? event.data.by : '' }}" }]

[rule.complaint]
on = "support.complained"
do = [{ alert = "ops", title = "somebody complains about {{ post.id }}" }]
"""


@pytest.fixture
def rules(tmp_path: Path) -> ActiveRules:
    return in_force(tmp_path, FILE)


@pytest.fixture
async def client(database: Database, rules: ActiveRules) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API, and a client with a key that may operate."""
    parts = Parts(database, lambda: NOON, None, providers=(PROVIDER,), readers=READERS, rules=rules)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        yield client


@pytest.fixture
async def corridor(database: Database, rules: ActiveRules) -> Corridor:
    return await Corridor(database, rules.index()).open()


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
    assert again == {"position": first["position"], "duplicate": True, "unheard": None}
    await signal(client, "support.complained", post="p1", id="ticket-8")
    await corridor.settle()
    assert await corridor.rows("select count(*) from firings where rule = 'complaint'") == [(2,)]


async def test_a_signal_that_no_rule_listens_to_is_kept_and_its_sender_is_told_the_nearest_name(
    client: httpx2.AsyncClient, corridor: Corridor
) -> None:
    assert (await signal(client, "cms.acked"))["unheard"] is None
    answer = await signal(client, "cms.ackd")
    told_so = 'no rule listens to "cms.ackd" (did you mean "cms.acked"?): it is kept, and that is all'
    assert answer["unheard"] == told_so
    assert await corridor.rows("select kind from events order by position") == [("cms.acked",), ("cms.ackd",)]


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


async def test_what_a_signal_brings_is_read_by_rules(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    await corridor.tell(told("p1", "published", 0))
    await signal(client, "legal.approved", post="p1", data={"score": 3, "by": "nobody"})
    await signal(client, "legal.approved", post="p1", data={"score": 4, "by": "Ada"})
    await corridor.settle()
    assert await corridor.rows("select payload->>'title' from actions where rule = 'approved'") == [
        ("p1: approved by Ada",)
    ]


async def test_a_signal_brings_no_more_than_a_run_can_keep(client: httpx2.AsyncClient) -> None:
    """To the byte: brackets, quotes, the name and the colon are eight."""
    assert (await signal(client, "cms.acked", data={"a": "x" * (8192 - 8)}))["position"]
    refused = await client.post("/api/v1/signals/cms.acked", json={"data": {"a": "x" * (8192 - 7)}})
    assert refused.status_code == 400
    assert "has 8193 bytes; 8192 are allowed" in refused.text
