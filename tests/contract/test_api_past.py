"""`?as_of=`: a post as the log stood at an earlier moment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import bearer, project, serving
from tests.integration.told import NOON, PROVIDER, Reader, told
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API over a post that was heard of at noon, and again two minutes later."""
    app = application(Parts(database, lambda: NOON, None, providers=(PROVIDER,), readers={PROVIDER: Reader()}))
    async with serving(app) as client:
        client.headers |= await bearer(database, "read")
        late = told("p1", "publishing", 30, now=NOON + 2 * MINUTE)
        await project(database, told("p1", "scheduled", 1), told("p1", "failed", 60, now=NOON + 2 * MINUTE), late)
        yield client


async def at(client: httpx2.AsyncClient, moment: str) -> httpx2.Response:
    return await client.get("/api/v1/posts/p1", params={"as_of": moment})


async def test_a_post_is_shown_as_it_was_known_then(client: httpx2.AsyncClient) -> None:
    then = (await at(client, "2026-11-10T12:01:00Z")).json()
    assert (then["state"], then["version"], then["pending"]) == ("scheduled", 1, [])
    now = (await client.get("/api/v1/posts/p1")).json()
    assert (await at(client, "2026-11-10T13:00:00Z")).json() | {"pending": now["pending"]} == now


async def test_before_anything_was_known_there_is_no_post(client: httpx2.AsyncClient) -> None:
    answer = await at(client, "2026-11-10T11:00:00Z")
    assert answer.status_code == 404
    assert "nothing was known" in answer.json()["detail"]


async def test_what_is_no_time_is_named(client: httpx2.AsyncClient) -> None:
    answer = await at(client, "yesterday")
    assert answer.status_code == 400
    assert "as_of" in answer.text
