"""Pages of other origins ask the API only where the configuration names their origin, and the dashboard never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from tests.contract.serving import bearer, serving
from tests.integration.told import NOON
from tracker.api import Parts, application
from tracker.dashboard import handlers
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

TOOLS = "https://tools.example.org"
ALLOW = "access-control-allow-origin"
ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}


@pytest.fixture
async def client(shared_database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    more = handlers(shared_database, lambda: NOON, open_here=True)
    async with serving(application(Parts(shared_database, lambda: NOON, None, cors=(TOOLS,), more=more))) as client:
        yield client


async def test_a_browser_that_asks_beforehand_is_told_what_a_named_origin_may(client: httpx2.AsyncClient) -> None:
    answer = await client.request("OPTIONS", "/api/v1/silences", headers={"origin": TOOLS, **ASKS})
    assert (answer.status_code, answer.content, answer.headers[ALLOW]) == (204, b"", TOOLS)
    assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["http://tools.example.org", f"{TOOLS}:8443", f"{TOOLS}.evil.example", "https://evil.example", "null", ""],
)
async def test_another_origin_is_told_nothing(client: httpx2.AsyncClient, origin: str) -> None:
    for method in ("OPTIONS", "GET"):
        answer = await client.request(method, "/api/v1/posts", headers={"origin": origin, **ASKS})
        assert ALLOW not in answer.headers
        assert answer.status_code in {401, 405}


async def test_answers_and_refusals_can_be_read_by_a_page_of_a_named_origin(
    client: httpx2.AsyncClient, shared_database: Database
) -> None:
    key = await bearer(shared_database, "read")
    for path, status, headers in (("/posts", 200, key), ("/posts", 401, {}), ("/nowhere", 404, key)):
        answer = await client.get(f"/api/v1{path}", headers={"origin": TOOLS, **headers})
        assert (answer.status_code, answer.headers[ALLOW], answer.headers["vary"].lower()) == (status, TOOLS, "origin")
    assert "origin" in (await client.get("/api/v1/posts", headers=key)).headers["vary"].lower()


async def test_the_dashboard_is_for_no_other_page(client: httpx2.AsyncClient) -> None:
    for path in ("/", "/posts", "/healthz"):
        assert ALLOW not in (await client.get(path, headers={"origin": TOOLS})).headers


async def test_any_origin_goes_without_credentials(shared_database: Database) -> None:
    async with serving(application(Parts(shared_database, lambda: NOON, None, cors=("*",)))) as client:
        for method in ("OPTIONS", "GET"):
            answer = await client.request(method, "/api/v1/posts", headers={"origin": "https://a.example", **ASKS})
            assert answer.headers[ALLOW] == "*"
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("text", [f"{TOOLS}/", "tools.example.org", "null", "https://*.example.org", "HTTPS://A.b", ""])
def test_what_no_browser_writes_is_no_origin(text: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        Settings.model_validate({"server": {"cors": [text]}})
