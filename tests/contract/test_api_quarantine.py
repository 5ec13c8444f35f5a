"""The quarantine over the API: what is held is looked at, tried again once its cause is mended, or given up."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.told import NOON, PROVIDER
from tracker.api import Parts, application
from tracker.providers import build_providers
from tracker.providers.signing import sign
from tracker.providers.sosyalkopru import SCHEME
from tracker.settings import Settings
from tracker.store.log import quarantine
from tracker.store.log.quarantine import Unusable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "a secret of thirty-two characters"
GOOD = json.dumps({"event": "post.failed", "timestamp": "2026-11-10T12:00:00.000Z", "data": {"postId": "p1"}}).encode()


def held(body: bytes, *, secret: str = "", reason: str = "signature_wrong") -> Unusable:
    """A delivery that was signed with `secret`, or that was authentic when it came."""
    headers = sign(SCHEME, [secret.encode()], body, NOON) if secret else {}
    return Unusable(PROVIDER, reason, not secret, "d1", sha256(body).digest(), NOON, headers, body)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API over three held deliveries: one mended since, one that never can be, one still forged."""
    provider = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "webhook_secrets": [SECRET]}
    doors = build_providers(Settings.model_validate({"providers": {PROVIDER: provider}}))
    async with database.connection() as conn:
        await quarantine.keep(
            conn, [held(GOOD, secret=SECRET), held(b"\xff", reason="not_json"), held(GOOD, secret="another")]
        )
    async with serving(application(Parts(database, lambda: NOON, None, doors=doors))) as client:
        client.headers |= await bearer(database, "operate")
        yield client


async def post(client: httpx2.AsyncClient, path: str, status: int = 200) -> Any:
    answer = await client.post(f"/api/v1/quarantine/{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def ids(client: httpx2.AsyncClient, **filters: Any) -> list[int]:
    answer = await client.get("/api/v1/quarantine", params=filters)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [3, 2, 1]),
        ({"reason": "not_json"}, [2]),
        ({"authentic": "false"}, [3, 1]),
        ({"provider": PROVIDER}, [3, 2, 1]),
        ({"provider": "nobody"}, []),
        ({"state": "discarded"}, []),
        ({"state": "held,discarded", "authentic": "true"}, [2]),
    ],
)
async def test_each_filter_leaves_what_it_says(
    client: httpx2.AsyncClient, filters: dict[str, Any], expected: list[int]
) -> None:
    assert await ids(client, **filters) == expected


async def test_the_quarantine_comes_in_pages(client: httpx2.AsyncClient) -> None:
    first = (await client.get("/api/v1/quarantine?limit=2")).json()
    second = (await client.get(f"/api/v1/quarantine?limit=2&cursor={first['next']}")).json()
    assert [item["id"] for item in first["items"] + second["items"]] == [3, 2, 1]
    assert (second["next"], second["items"][0]["size"]) == (None, len(GOOD))


async def test_what_was_sent_is_for_admins_only(client: httpx2.AsyncClient, database: Database) -> None:
    one = await client.get("/api/v1/quarantine/2")
    assert (one.json()["reason"], one.json()["raw"]) == ("not_json", None)
    assert (await client.get("/api/v1/quarantine/2?raw=true")).status_code == 403
    admin = await bearer(database, "admin")
    raw = (await client.get("/api/v1/quarantine/2?raw=true", headers=admin)).json()["raw"]
    assert (raw["encoding"], raw["body"]) == ("base64", "/w==")


async def test_a_replay_takes_what_can_be_taken_by_now(client: httpx2.AsyncClient) -> None:
    assert (await post(client, "1/replay?dry_run=true"))["outcome"] == "kept"
    tried = await post(client, "1/replay?dry_run=true")
    assert (tried["outcome"], tried["position"], tried["dry_run"]) == ("kept", None, True)
    assert await ids(client) == [3, 2, 1]
    done = await post(client, "1/replay")
    assert (done["outcome"], done["dry_run"]) == ("kept", False)
    assert (await client.get(f"/api/v1/events/{done['position']}")).json()["post"] == "p1"
    assert await ids(client, state="replayed") == [1]
    assert "replayed before" in (await post(client, "1/replay", 409))["detail"]


@pytest.mark.parametrize(("item", "reason"), [(2, "not_json"), (3, "signature_wrong")])
async def test_what_cannot_be_taken_still_is_held_and_says_why(
    client: httpx2.AsyncClient, item: int, reason: str
) -> None:
    verdict = await post(client, f"{item}/replay")
    assert (verdict["outcome"], verdict["reason"], verdict["position"]) == ("held", reason, None)
    assert await ids(client) == [3, 2, 1]


async def test_what_is_given_up_is_settled_once(client: httpx2.AsyncClient) -> None:
    assert (await post(client, "2/discard?dry_run=true"))["outcome"] == "discarded"
    assert await ids(client) == [3, 2, 1]
    assert (await post(client, "2/discard"))["outcome"] == "discarded"
    assert await ids(client) == [3, 1]
    for again in ("2/discard", "2/discard?dry_run=true", "2/replay"):
        assert "discarded before" in (await post(client, again, 409))["detail"]


@pytest.mark.parametrize(("method", "path"), [("GET", "9"), ("POST", "9/replay"), ("POST", "9/discard")])
async def test_what_is_not_there_is_a_404(client: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, f"/api/v1/quarantine/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
