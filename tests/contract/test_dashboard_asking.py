"""What the page of a post lets people do: have the provider publish it again, or ask it how the post stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.contract.dashboard import dashboard, sign_in
from tests.contract.serving import project
from tests.integration.told import PROVIDER, told
from tracker.domain.posts.event import bucket_of

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

POST = "a/b c"


async def asked(database: Database) -> list[tuple[str, str, str]]:
    """Verb, post and state of every action."""
    async with database.connection() as conn:
        rows = await conn.fetch("select verb, post, state from actions order by created_at, verb")
    return [(row["verb"], row["post"], row["state"]) for row in rows]


async def test_a_failed_post_is_published_again_once_however_often_one_clicks(database: Database) -> None:
    await project(database, told(POST, "failed", 1))
    form = {"provider": PROVIDER, "post": POST, "then": "/posts/a%2Fb%20c"}
    async with dashboard(database, open_here=True) as client:
        assert "Publish again" in (await client.get("/posts/a%2Fb%20c")).text
        for _ in range(2):
            response = await client.post("/provider/retry", data=form)
            assert (response.status_code, response.headers["location"]) == (303, "/posts/a%2Fb%20c?done=post_retried")
        assert "asked how it stands, and then" in (await client.get(response.headers["location"])).text
        assert (await client.post("/provider/ask", data=form)).status_code == 303
    assert sorted(await asked(database)) == [("reconcile", POST, "pending"), ("retry", POST, "pending")]


async def test_what_has_not_failed_is_not_published_again(database: Database) -> None:
    await project(database, told("p1", "published", 1))
    async with dashboard(database, open_here=True) as client:
        page = (await client.get("/posts/p1")).text
        assert ("Publish again" in page, "Ask the provider" in page) == (False, True)
        response = await client.post("/provider/retry", data={"provider": PROVIDER, "post": "p1"})
        assert (response.status_code, "p1" in response.text, "is published" in response.text) == (400, True, True)
        missing = await client.post("/provider/retry", data={"provider": PROVIDER, "post": "p9"})
        assert missing.status_code == 404
    assert await asked(database) == []


async def test_nobody_is_asked_about_a_post_whose_provider_is_not_said_where_two_have_one_of_that_id(
    database: Database,
) -> None:
    """Neither of them is taken for the other; with its provider each can be asked about."""
    ours, theirs = told("p1", "failed", 1), told("p1", "failed", 2)
    await project(database, ours, replace(theirs, provider="another", bucket=bucket_of("another", "p1")))
    async with dashboard(database, open_here=True) as client:
        for button in ("retry", "ask"):
            refused = await client.post(f"/provider/{button}", data={"post": "p1"})
            assert (refused.status_code, f"another, {PROVIDER}" in refused.text) == (400, True), refused.text
        assert await asked(database) == []
        assert (await client.post("/provider/retry", data={"post": "p1", "provider": "another"})).status_code == 303
    assert await asked(database) == [("retry", "p1", "pending")]


async def test_who_may_only_read_asks_nobody(database: Database) -> None:
    await project(database, told("p1", "failed", 1))
    async with dashboard(database) as client:
        await sign_in(client, database, "read")
        page = (await client.get("/posts/p1")).text
        assert not any(words in page for words in ("Publish again", "Ask the provider"))
        response = await client.post("/provider/retry", data={"provider": PROVIDER, "post": "p1"})
        assert response.status_code == 403
    assert await asked(database) == []
