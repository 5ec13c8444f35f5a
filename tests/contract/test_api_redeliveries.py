"""`/redeliveries`: what would be done once more, the plan, its progress, and what it can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.corridor import READERS, Corridor
from tests.integration.told import PROVIDER
from tracker.act.redelivery import Redeliverer
from tracker.api import Parts, application
from tracker.domain.actions import ActionSpec, Discard, Reason
from tracker.domain.payloads import SendPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.store.actions import actions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def corridor(database: Database) -> Corridor:
    """Three dead messages of one endpoint, and one of another that was done."""
    corridor = await Corridor(database, []).open()
    corridor.world.answers["send"] = [Discard(Reason.GONE)] * 3
    for at, target in enumerate(("cms", "cms", "cms", "crm")):
        corridor.at = at
        spec = ActionSpec("send", target, SendPayload(event="e", data={}), f"run:{at}", corridor.now())
        async with database.connection() as conn:
            await actions.intend(conn, [ActionRequest(spec, "r", "1", None, PROVIDER, f"p{at}")], corridor.now())
        await corridor.settle()
    return corridor


@pytest.fixture
async def client(database: Database, corridor: Corridor) -> AsyncIterator[httpx2.AsyncClient]:
    parts = Parts(database, corridor.now, None, providers=(PROVIDER,), readers=READERS)
    async with serving(application(parts)) as client:
        client.headers |= await bearer(database, "operate")
        yield client


async def post(client: httpx2.AsyncClient, path: str, status: int, body: Any = None) -> Any:
    answer = await client.post(f"/api/v1/redeliveries{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def get(client: httpx2.AsyncClient, path: str) -> Any:
    answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_dry_run_shows_what_is_chosen_and_plans_nothing(client: httpx2.AsyncClient) -> None:
    tried = await post(client, "?dry_run=true", 200, {"filters": {"states": ["dead", "done"]}})
    assert (tried["redelivery"], tried["count"]) == (None, 4)
    assert tried["shares"] == [
        {"verb": "send", "target": "cms", "state": "dead", "actions": 3},
        {"verb": "send", "target": "crm", "state": "done", "actions": 1},
    ]
    assert [action["post"] for action in tried["sample"]] == ["p3", "p2", "p1", "p0"]
    assert (await get(client, "/redeliveries"))["items"] == []
    assert (await get(client, "/events?source=manual"))["items"] == []


async def test_a_plan_is_watched_to_its_end(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    planned = await post(client, "", 201, {"rate": "1 per second", "note": "the CMS was down"})
    made = planned["redelivery"]
    assert (planned["count"], made["state"], made["total"], made["left"]) == (3, "running", 3, 3)
    assert (made["idempotency"], made["rate"], made["note"]) == ("same", "1 in 1s", "the CMS was down")
    assert (made["by"], made["filters"]) == ("test operate", {"states": ["dead"]})
    assert (made["created_at"], made["ends_at"]) == ("2026-11-10T12:00:03Z", "2026-11-10T12:00:05Z")
    redeliverer = Redeliverer(corridor.database, corridor.now)
    await redeliverer.step()
    await corridor.settle()
    one = await get(client, f"/redeliveries/{made['id']}")
    assert (one["redelivered"], one["left"], one["outcomes"]) == (1, 2, {"done": 1})
    corridor.at = 10
    await redeliverer.step()
    corridor.at = 11
    await redeliverer.step()
    await corridor.settle()
    one = await get(client, f"/redeliveries/{made['id']}")
    assert (one["state"], one["left"], one["outcomes"], one["ends_at"]) == ("done", 0, {"done": 3}, None)
    listed = await get(client, f"/actions?redelivery={made['id']}")
    assert [(action["post"], action["attempts"]) for action in listed["items"]] == [("p2", 2), ("p1", 2), ("p0", 2)]


async def test_fresh_actions_name_those_that_they_repeat(client: httpx2.AsyncClient, corridor: Corridor) -> None:
    body = {"filters": {"states": ["done"], "target": "crm"}, "idempotency": "fresh"}
    made = (await post(client, "", 201, body))["redelivery"]
    assert made["filters"] == body["filters"]
    await Redeliverer(corridor.database, corridor.now).step()
    (again,) = (await get(client, f"/actions?redelivery={made['id']}"))["items"]
    (old,) = (await get(client, "/actions?target=crm&state=done"))["items"]
    assert (again["redelivers"], again["state"], again["id"] == old["id"]) == (old["id"], "pending", False)


async def test_it_is_paused_resumed_and_cancelled_and_the_log_says_by_whom(client: httpx2.AsyncClient) -> None:
    made = (await post(client, "", 201, {}))["redelivery"]["id"]
    assert (await post(client, f"/{made}/pause", 200))["state"] == "paused"
    assert "only one that is running can be paused" in (await post(client, f"/{made}/pause", 409))["detail"]
    assert (await post(client, f"/{made}/resume", 200))["state"] == "running"
    assert (await post(client, f"/{made}/cancel", 200))["state"] == "cancelled"
    assert (await post(client, f"/{made}/resume", 409))["type"] == "urn:tracker:problem:wrong-state"
    kinds = [event["type"] for event in (await get(client, "/events?source=manual"))["items"]]
    assert kinds == [f"redelivery.{what}" for what in ("planned", "paused", "resumed", "cancelled")]


async def test_plans_come_in_pages_by_state(client: httpx2.AsyncClient) -> None:
    made = [(await post(client, "", 201, {}))["redelivery"]["id"] for _ in range(3)]
    await post(client, f"/{made[0]}/cancel", 200)
    first = await get(client, "/redeliveries?limit=2")
    second = await get(client, f"/redeliveries?limit=2&cursor={first['next']}")
    assert sorted(item["id"] for item in first["items"] + second["items"]) == sorted(made)
    assert second["next"] is None
    assert [item["id"] for item in (await get(client, "/redeliveries?state=cancelled"))["items"]] == made[:1]


@pytest.mark.parametrize(
    ("body", "parameter", "told"),
    [
        ({"filter": {}}, "filter", 'did you mean "filters"'),
        ({"filters": {"verbs": "send"}}, "filters.verbs", 'did you mean "verb"'),
        ({"filters": {"verb": "sned"}}, "filters.verb", 'did you mean "send"'),
        ({"filters": {"states": []}}, "filters.states", "1"),
        ({"filters": {"states": ["pending"]}}, "filters.states", "dead, done"),
        ({"filters": {"since": "yesterdy"}}, "filters.since", "zone"),
        ({"filters": {"post": "\x00"}}, "filters.post", "zero"),
        ({"filters": {"target": ""}}, "filters.target", "1"),
        ({"idempotency": "new"}, "idempotency", "new"),
        ({"rate": "fast"}, "rate", "per hour"),
        ({"rate": "101 per second"}, "rate", "100 a second"),
        ({"rate": "1 in 999999999w"}, "rate", ""),
        ({"note": "x" * 501}, "note", "500"),
        ({"note": "\x00"}, "note", "zero"),
        ([], "body", "object"),
    ],
)
async def test_a_wrong_key_of_the_body_is_named(
    client: httpx2.AsyncClient, body: Any, parameter: str, told: str
) -> None:
    refusal = await post(client, "", 400, body)
    assert (refusal["parameter"], told in refusal["detail"]) == (parameter, True), refusal
    assert (await get(client, "/redeliveries"))["items"] == []


async def test_what_chooses_nothing_is_a_409(client: httpx2.AsyncClient) -> None:
    refusal = await post(client, "", 409, {"filters": {"post": "nobody"}})
    assert refusal["type"] == "urn:tracker:problem:nothing-chosen"
    assert (await post(client, "?dry_run=true", 200, {"filters": {"post": "nobody"}}))["count"] == 0


async def test_planning_needs_a_key_that_may_operate(client: httpx2.AsyncClient, database: Database) -> None:
    made = (await post(client, "", 201, {}))["redelivery"]["id"]
    client.headers |= await bearer(database, "read")
    assert (await get(client, f"/redeliveries/{made}"))["state"] == "running"
    for path in ("", "?dry_run=true", f"/{made}/pause", f"/{made}/resume", f"/{made}/cancel"):
        await post(client, path, 403, {})


@pytest.mark.parametrize("name", ["00000000-0000-0000-0000-000000000000", "7"])
async def test_what_is_not_there_or_no_id(client: httpx2.AsyncClient, name: str) -> None:
    status = 400 if name == "7" else 404
    assert (await client.get(f"/api/v1/redeliveries/{name}")).status_code == status
    for verb in ("pause", "resume", "cancel"):
        await post(client, f"/{name}/{verb}", status)
