"""What the API refuses, and how it says so: who may not, what does not exist, and which parameter is wrong."""

from __future__ import annotations

import json
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
SILENCE = {"match": {"post": "p1"}, "for": "1h", "reason": "we know"}


def nested(levels: int) -> bytes:
    """A body whose data are objects within objects."""
    return b'{"data":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


def as_json(body: object) -> bytes:
    """What is sent; None: nothing."""
    return body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()


def parts(database: Database) -> Parts:
    return Parts(database, lambda: NOON, None, providers=(PROVIDER,))


@pytest.fixture(scope="module")
async def served(shared_database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(application(parts(shared_database))) as client:
        yield client


@pytest.fixture
def client(served: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A served API, which nothing here changes; the client has no key."""
    served.headers.pop("Authorization", None)
    return served


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
        "/api/v1/events/1", "/api/v1/actions", f"/api/v1/actions/{ACTION}", "/api/v1/rules", "/api/v1/rules/r",
        "/api/v1/runs", f"/api/v1/runs/{ACTION}", "/api/v1/silences", f"/api/v1/silences/{ACTION}",
        "/schema/openapi.json",
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
    client: httpx2.AsyncClient, shared_database: Database
) -> None:
    headers = await bearer(shared_database, "admin")
    wrong = headers["Authorization"][:-1] + ("A" if headers["Authorization"][-1] != "A" else "B")
    await is_problem(await client.get("/api/v1/posts", headers={"Authorization": wrong}), 401)
    assert (await client.get("/api/v1/posts", headers=headers)).status_code == 200


async def test_a_revoked_key_opens_nothing(client: httpx2.AsyncClient, shared_database: Database) -> None:
    async with shared_database.connection() as conn:
        key, text = await keys.create(conn, "gone", ["admin"], NOON)
        await keys.revoke(conn, key, NOON)
    await is_problem(await client.get("/api/v1/posts", headers={"Authorization": f"Bearer {text}"}), 401)


@pytest.mark.parametrize(("scope", "allowed"), [("read", False), ("operate", True), ("admin", True)])
async def test_each_scope_includes_those_below_it(
    client: httpx2.AsyncClient, shared_database: Database, scope: str, allowed: bool
) -> None:
    client.headers |= await bearer(shared_database, scope)
    assert (await client.get("/api/v1/posts")).status_code == 200
    await is_problem(await client.post(f"/api/v1/actions/{ACTION}/retry"), 404 if allowed else 403)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", f"/api/v1/actions/{ACTION}/discard", 404),
        ("POST", "/api/v1/rules/on-failure/enable", 404),
        ("POST", "/api/v1/rules/on-failure/disable", 404),
        ("POST", f"/api/v1/runs/{ACTION}/cancel", 404),
        ("POST", "/api/v1/posts/p1/retry", 404),
        ("POST", "/api/v1/posts/p1/reconcile", 404),
        ("POST", "/api/v1/quarantine/7/replay", 404),
        ("POST", "/api/v1/quarantine/7/discard", 404),
        ("POST", "/api/v1/silences", 400),
        ("DELETE", f"/api/v1/silences/{ACTION}", 404),
        ("POST", "/api/v1/signals/cms.acked", 400),
    ],
)
async def test_what_changes_something_needs_a_key_that_may_operate(
    client: httpx2.AsyncClient, shared_database: Database, method: str, path: str, allowed: int
) -> None:
    await is_problem(await client.request(method, path), 401)
    await is_problem(await client.request(method, path, headers=await bearer(shared_database, "read")), 403)
    await is_problem(await client.request(method, path, headers=await bearer(shared_database, "operate")), allowed)


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
        ("/api/v1/rules?enable=true", "enable", 'did you mean "enabled"'),
        ("/api/v1/rules?enabled=perhaps", "enabled", "bool"),
        ("/api/v1/rules?cursor=abc", "cursor", "cursor"),
        ("/api/v1/runs?state=canceled", "state", 'did you mean "cancelled"'),
        ("/api/v1/runs?since=yesterdy", "since", "zone"),
        ("/api/v1/runs?post=%00", "post", "zero"),
        ("/api/v1/runs?cursor=WyItc2luY2UiLFsiMjAyNi0xMS0xMFQxMjowMDowMFoiLCIwIl1d", "cursor", "cursor"),
        ("/api/v1/silences?state=activ", "state", 'did you mean "active"'),
        ("/api/v1/silences?limit=501", "limit", "500"),
        ("/api/v1/silences?cursor=WyItbGFzdF9ldmVudF9hdCIsW251bGwsImEiLCJiIl1d", "cursor", "last_event_at"),
        ("/api/v1/events?raw=perhaps", "raw", "bool"),
        ("/api/v1/events/first", "position", "int"),
        ("/api/v1/events/-1", "position", "0"),
        ("/api/v1/actions/7", "id", "UUID"),
        ("/api/v1/runs/7", "id", "UUID"),
        ("/api/v1/silences/7", "id", "UUID"),
        ("/api/v1/quarantine/x", "id", "int"),
        ("/api/v1/quarantine/0", "id", "1"),
        ("/api/v1/quarantine?state=holding", "state", "known"),
        ("/api/v1/quarantine?reason=%00", "reason", "zero"),
        ("/api/v1/quarantine?cursor=WzFd", "cursor", "cursor"),
        ("/api/v1/stats?since=yesterdy", "since", "zone"),
        ("/api/v1/posts?as_of=yesterdy", "as_of", "zone"),
    ],
)
async def test_a_wrong_parameter_is_named(
    client: httpx2.AsyncClient, shared_database: Database, path: str, parameter: str, told: str
) -> None:
    client.headers |= await bearer(shared_database, "read")
    content = await is_problem(await client.get(path), 400)
    assert content["parameter"] == parameter
    assert told in str(content["detail"])


@pytest.mark.parametrize(
    ("path", "body", "parameter", "told"),
    [
        ("silences", {}, "match", "missing"),
        ("silences", SILENCE | {"utnil": "x"}, "utnil", 'did you mean "until"'),
        ("silences", SILENCE | {"match": {}}, "match", "empty"),
        ("silences", SILENCE | {"match": {"rul": "x"}}, "match.rul", 'did you mean "rule"'),
        ("silences", SILENCE | {"match": {"rule": ""}}, "match.rule", "200"),
        ("silences", SILENCE | {"match": {"post": "p" * 201}}, "match.post", "200"),
        ("silences", SILENCE | {"match": {"post": "p\x00"}}, "match.post", "zero"),
        ("silences", SILENCE | {"match": {"severity": "critcal"}}, "match.severity", 'did you mean "critical"'),
        ("silences", SILENCE | {"match": {"provider": "sosyalkopr"}}, "match.provider", f'did you mean "{PROVIDER}"'),
        ("silences", SILENCE | {"match": {"rule": "nothing"}}, "match.rule", "not known"),
        ("silences", SILENCE | {"match": {"post": 7}}, "match", "str"),
        ("silences", SILENCE | {"for": None}, "until", "end"),
        ("silences", SILENCE | {"until": "2026-11-11T12:00:00Z"}, "until", "either"),
        ("silences", SILENCE | {"for": "31d"}, "for", "30 days"),
        ("silences", SILENCE | {"for": "0s"}, "for", "over"),
        ("silences", SILENCE | {"for": "2 hours"}, "for", "duration"),
        ("silences", SILENCE | {"for": None, "until": "2026-11-10T11:00:00Z"}, "until", "over"),
        ("silences", SILENCE | {"for": None, "until": "2027-11-10T11:00:00Z"}, "until", "30 days"),
        ("silences", SILENCE | {"for": None, "until": "2026-11-11T09:00:00"}, "until", "zone"),
        ("silences", SILENCE | {"reason": " "}, "reason", "empty"),
        ("silences", SILENCE | {"reason": "\x00"}, "reason", "zero"),
        ("signals/acked", {}, "name", "dot"),
        ("signals/cms.*", {}, "name", "dot"),
        ("signals/cms." + "a" * 100, {}, "name", "dot"),
        ("signals/post.published", {}, "name", "reserved"),
        ("signals/post.labelled", {}, "name", "reserved"),
        ("signals/post.publishd", {}, "name", 'did you mean "post.published"'),
        ("signals/action.done", {}, "name", "reserved"),
        ("signals/run.cancelled", {}, "name", "reserved"),
        ("signals/rule.disabled", {}, "name", "reserved"),
        ("signals/silence.begun", {}, "name", "reserved"),
        ("signals/cms.acked", {"pots": "p1"}, "pots", 'did you mean "post"'),
        ("signals/cms.acked", {"post": ""}, "post", "empty"),
        ("signals/cms.acked", {"post": 7}, "post", "str"),
        ("signals/cms.acked", {"provider": "sosyalkopr"}, "provider", f'did you mean "{PROVIDER}"'),
        ("signals/cms.acked", {"id": ""}, "id", "100"),
        ("signals/cms.acked", {"id": "i" * 101}, "id", "100"),
        ("signals/cms.acked", {"id": "\x00"}, "id", "zero"),
        ("signals/cms.acked", {"data": {"a": ["\x00"]}}, "data", "zero"),
        ("signals/cms.acked", {"data": {"\x00": 1}}, "data", "zero"),
        ("signals/cms.acked", nested(30), "data", "nested"),
        ("signals/cms.acked", nested(3000), "body", "nested"),
        ("signals/cms.acked", [], "body", "object"),
        ("signals/cms.acked", None, "body", "object"),
    ],
)
async def test_a_wrong_key_of_a_body_is_named(
    client: httpx2.AsyncClient, shared_database: Database, path: str, body: object, parameter: str, told: str
) -> None:
    client.headers |= await bearer(shared_database, "operate")
    content = await is_problem(await client.post(f"/api/v1/{path}", content=as_json(body)), 400)
    assert content["parameter"] == parameter
    assert told in str(content["detail"])
    async with shared_database.connection() as conn:
        assert await conn.fetchval("select (select count(*) from events) + (select count(*) from silences)") == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"data":{"a":1e999}}', 400), (b'{"data":{"a":"\\ud800"}}', 400), (b"\xff", 400),
     (b'{"data":{"a":"' + b"x" * 65_536 + b'"}}', 413)],
    ids=["cut", "number", "surrogate", "bytes", "large"],
)  # fmt: skip
async def test_a_body_that_is_not_json_or_too_large_is_refused(
    client: httpx2.AsyncClient, shared_database: Database, body: bytes, status: int
) -> None:
    client.headers |= await bearer(shared_database, "operate")
    content = await is_problem(await client.post("/api/v1/signals/cms.acked", content=body), status)
    assert content["detail"]


async def test_a_signal_about_a_post_that_is_not_there_is_refused(
    client: httpx2.AsyncClient, shared_database: Database
) -> None:
    client.headers |= await bearer(shared_database, "operate")
    response = await client.post("/api/v1/signals/cms.acked", json={"post": "nobody"})
    assert "nobody" in str((await is_problem(response, 404))["detail"])


@pytest.mark.parametrize(
    "path", ["/api/v1/posts/nobody", "/api/v1/posts/nobody/history", "/api/v1/events/7", f"/api/v1/actions/{ACTION}",
             "/api/v1/rules/nothing", f"/api/v1/runs/{ACTION}", f"/api/v1/silences/{ACTION}", "/api/v1/quarantine/7",
             "/api/v1/nothing", "/", "/api/v1/posts/a/b"]
)  # fmt: skip
async def test_what_is_not_there_is_a_404(client: httpx2.AsyncClient, shared_database: Database, path: str) -> None:
    client.headers |= await bearer(shared_database, "read")
    await is_problem(await client.get(path), 404)


async def test_a_method_that_an_address_does_not_take_is_a_405_that_lists_those_it_does(
    client: httpx2.AsyncClient, shared_database: Database
) -> None:
    client.headers |= await bearer(shared_database, "admin")
    response = await client.delete("/api/v1/posts")
    await is_problem(response, 405)
    assert "GET" in response.headers["allow"]


async def test_a_fault_of_ours_is_a_500_that_gives_nothing_away(database: Database) -> None:
    async with database.connection() as conn:
        await conn.execute("alter table projections rename to elsewhere")
    async with serving(application(parts(database))) as client:
        headers = await bearer(database, "read")
        content = await is_problem(await client.get("/api/v1/posts", headers=headers), 500)
    assert "projections" not in str(content)
