"""What the API refuses, and how it says so: who may not, what does not exist, and which parameter is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.told import NOON, PROVIDER
from tracker.api import Parts, application
from tracker.store import keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

ACTION = "0b0ab3f2-6f0a-4c1c-8f52-6a3f2f8a3c11"


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API; the client has no key."""
    async with serving(application(Parts(database, lambda: NOON, None, providers=(PROVIDER,)))) as client:
        yield client


async def is_problem(response: httpx2.Response, status: int) -> dict[str, object]:
    """The members of the problem, which must be whole."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content: dict[str, object] = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= content.keys()
    assert content["status"] == status
    return content


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/posts", "/api/v1/posts/p1", "/api/v1/posts/p1/history", "/api/v1/stats", "/api/v1/events",
        "/api/v1/events/1", "/api/v1/actions", f"/api/v1/actions/{ACTION}", "/schema/openapi.json",
    ],
)  # fmt: skip
async def test_nothing_of_the_api_answers_without_a_key(client: httpx2.AsyncClient, path: str) -> None:
    response = await client.get(path)
    await is_problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic dHJrOng=", "Bearer trk_abc_", "Bearer trk__x", "ünknown"]
)
async def test_whatever_stands_in_the_header_a_wrong_key_is_a_401(client: httpx2.AsyncClient, header: str) -> None:
    await is_problem(await client.get("/api/v1/posts", headers=[(b"Authorization", header.encode())]), 401)


async def test_a_key_with_the_right_id_and_a_wrong_secret_opens_nothing(
    client: httpx2.AsyncClient, database: Database
) -> None:
    headers = await bearer(database, "admin")
    wrong = headers["Authorization"][:-1] + ("A" if headers["Authorization"][-1] != "A" else "B")
    await is_problem(await client.get("/api/v1/posts", headers={"Authorization": wrong}), 401)
    assert (await client.get("/api/v1/posts", headers=headers)).status_code == 200


async def test_a_revoked_key_opens_nothing(client: httpx2.AsyncClient, database: Database) -> None:
    async with database.connection() as conn:
        key, text = await keys.create(conn, "gone", ["admin"], NOON)
        await keys.revoke(conn, key, NOON)
    await is_problem(await client.get("/api/v1/posts", headers={"Authorization": f"Bearer {text}"}), 401)


@pytest.mark.parametrize(("scope", "allowed"), [("read", False), ("operate", True), ("admin", True)])
async def test_each_scope_includes_those_below_it(
    client: httpx2.AsyncClient, database: Database, scope: str, allowed: bool
) -> None:
    client.headers |= await bearer(database, scope)
    assert (await client.get("/api/v1/posts")).status_code == 200
    await is_problem(await client.post(f"/api/v1/actions/{ACTION}/retry"), 404 if allowed else 403)


@pytest.mark.parametrize(
    ("path", "parameter", "told"),
    [
        ("/api/v1/posts?stat=failed", "stat", 'did you mean "state"'),
        ("/api/v1/posts?state=publshed", "state", 'did you mean "published"'),
        ("/api/v1/posts?limit=501", "limit", "500"),
        ("/api/v1/posts?limit=0", "limit", "1"),
        ("/api/v1/posts?limit=x", "limit", "int"),
        ("/api/v1/posts?since=2026-11-10T12:00:00", "since", "zone"),
        ("/api/v1/posts?since=0001-01-01T00:00:00%2B14:00", "since", "zone"),
        ("/api/v1/posts?until=soon", "until", "zone"),
        ("/api/v1/posts?stuck_for=15", "stuck_for", "15m"),
        ("/api/v1/posts?stuck_for=999999999w", "stuck_for", "duration"),
        ("/api/v1/posts?sort=last_event", "sort", "last_event_at"),
        ("/api/v1/posts?cursor=abc", "cursor", "cursor"),
        ("/api/v1/posts?cursor=%C4%B0", "cursor", "cursor"),
        ("/api/v1/posts?cursor=WyJwdWJsaXNoZWRfYXQiLFtudWxsLCJhIiwiYiJdXQ", "cursor", "published_at"),
        ("/api/v1/posts?q=%00", "q", "zero"),
        ("/api/v1/posts/p%00", "id", "zero"),
        ("/api/v1/posts/p1?as=x", "as", "provider"),
        ("/api/v1/events?after=-1", "after", "0"),
        ("/api/v1/events?after=99999999999999999999", "after", ""),
        ("/api/v1/events/99999999999999999999", "position", ""),
        ("/api/v1/events/1?raw=perhaps", "raw", "bool"),
        ("/api/v1/actions?state=deed", "state", 'did you mean "dead"'),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx2.AsyncClient, database: Database, path: str, parameter: str, told: str
) -> None:
    client.headers |= await bearer(database, "read")
    content = await is_problem(await client.get(path), 400)
    assert content["parameter"] == parameter
    assert told in str(content["detail"])


@pytest.mark.parametrize(
    "path", ["/api/v1/posts/nobody", "/api/v1/posts/nobody/history", "/api/v1/events/7", f"/api/v1/actions/{ACTION}",
             "/api/v1/actions/7", "/api/v1/nothing", "/", "/api/v1/posts/a/b"]
)  # fmt: skip
async def test_what_is_not_there_is_a_404(client: httpx2.AsyncClient, database: Database, path: str) -> None:
    client.headers |= await bearer(database, "read")
    await is_problem(await client.get(path), 404)


async def test_a_method_that_an_address_does_not_take_is_a_405_that_lists_those_it_does(
    client: httpx2.AsyncClient, database: Database
) -> None:
    client.headers |= await bearer(database, "admin")
    response = await client.delete("/api/v1/posts")
    await is_problem(response, 405)
    assert "GET" in response.headers["allow"]


async def test_a_fault_of_ours_is_a_500_that_gives_nothing_away(client: httpx2.AsyncClient, database: Database) -> None:
    client.headers |= await bearer(database, "read")
    async with database.connection() as conn:
        await conn.execute("alter table projections rename to elsewhere")
    content = await is_problem(await client.get("/api/v1/posts"), 500)
    assert "projections" not in str(content)


async def test_openapi_describes_every_address_with_its_parameters(
    client: httpx2.AsyncClient, database: Database
) -> None:
    client.headers |= await bearer(database, "read")
    text = (await client.get("/schema/openapi.json")).json()
    assert {"/api/v1/posts", "/api/v1/posts/{id}", "/api/v1/events/{position}"} <= text["paths"].keys()
    names = [parameter["name"] for parameter in text["paths"]["/api/v1/posts"]["get"]["parameters"]]
    assert {"state", "platform", "stuck_for", "cursor"} <= set(names)
