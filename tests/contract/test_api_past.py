"""`?as_of=`: a post, and the list of posts, as the log stood at an earlier moment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, project, serving
from tests.integration.told import NOON, PROVIDER, Reader, told
from tracker.api import Parts, application
from tracker.queries import as_of

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
    answer = await at(client, "yesterdy")
    assert answer.status_code == 400
    assert "as_of" in answer.text


async def posts_of(client: httpx2.AsyncClient, moment: str, **filters: Any) -> list[tuple[str, str]]:
    """Each post's id and state, over all pages."""
    found: list[tuple[str, str]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get("/api/v1/posts", params={"as_of": moment} | filters | cursor)
        assert answer.status_code == 200, answer.text
        found += [(post["id"], post["state"]) for post in answer.json()["items"]]
        if answer.json()["next"] is None:
            return found
        cursor = {"cursor": answer.json()["next"]}


@pytest.fixture
async def many(client: httpx2.AsyncClient, database: Database) -> None:
    """Six posts more, that published between one and three minutes after noon."""
    for n in range(6):
        await project(
            database,
            told(f"q{n}", "scheduled", n, targets={"instagram" if n % 2 else "x": "scheduled"}),
            told(f"q{n}", "published", 90, now=NOON + (1 + n / 2) * MINUTE, targets={"x": "published"}),
        )


@pytest.mark.usefixtures("many")
async def test_the_list_is_shown_as_it_was_known_then(client: httpx2.AsyncClient) -> None:
    then = await posts_of(client, "2026-11-10T12:02:00Z", limit=2)
    assert then == [
        ("p1", "failed"), ("q0", "published"), ("q1", "publishing"), ("q2", "published"),
        ("q3", "scheduled"), ("q4", "scheduled"), ("q5", "scheduled"),
    ]  # fmt: skip
    for post, state in then:
        one = await client.get(f"/api/v1/posts/{post}", params={"as_of": "2026-11-10T12:02:00Z"})
        assert one.json()["state"] == state


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"state": "published"}, ["q0", "q2"]),
        ({"state": "published,failed"}, ["p1", "q0", "q2"]),
        ({"platform": "instagram"}, ["q1", "q3", "q5"]),
        ({"platform": "instagram", "state": "publishing"}, ["q1"]),
        ({"since": "2026-11-10T12:01:30Z"}, ["q0", "q1", "q2"]),
        ({"until": "2026-11-10T12:00:04Z"}, ["q3"]),
        ({"stuck_for": "1m56s"}, ["q3", "q4"]),
        ({"q": "Q1"}, ["q1"]),
    ],
)
async def test_each_filter_is_about_what_was_known_then(
    client: httpx2.AsyncClient, filters: dict[str, Any], expected: list[str]
) -> None:
    assert [post for post, _ in await posts_of(client, "2026-11-10T12:02:00Z", limit=2, **filters)] == expected


@pytest.mark.usefixtures("many")
async def test_one_page_of_the_past_is_bounded(client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at so many posts and folds fewer, and another page goes on where it left off."""
    monkeypatch.setattr(as_of, "LOOK", 4)
    monkeypatch.setattr(as_of, "FOLDED", 2)
    monkeypatch.setattr(as_of, "AT_ONCE", 1)
    assert await posts_of(client, "2026-11-10T12:03:00Z", state="scheduled") == [("q5", "scheduled")]
    assert len(await posts_of(client, "2026-11-10T12:03:00Z")) == 7


@pytest.mark.usefixtures("many")
async def test_a_cursor_of_one_moment_is_of_no_use_for_another(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/api/v1/posts?as_of=2026-11-10T12:02:00Z&limit=1")).json()
    for other in ("as_of=2026-11-10T12:03:00Z&", ""):
        answer = await client.get(f"/api/v1/posts?{other}cursor={page['next']}")
        assert (answer.status_code, answer.json()["parameter"]) == (400, "cursor")


async def test_the_past_comes_in_one_order_only(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/posts?as_of=2026-11-10T12:03:00Z&sort=-entered_at")
    assert (answer.status_code, answer.json()["parameter"]) == (400, "sort")


async def test_a_time_of_which_the_log_is_not_kept_any_more_is_a_409(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/posts?as_of=2026-11-01T12:00:00Z")
    assert answer.status_code == 409
    assert "kept from 2026-11-10" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["posts", "posts?as_of=2026-11-10T12:01:00Z"])
async def test_a_list_has_an_etag_too(client: httpx2.AsyncClient, database: Database, path: str) -> None:
    first = await client.get(f"/api/v1/{path}")
    condition = {"If-None-Match": first.headers["etag"]}
    again = await client.get(f"/api/v1/{path}", headers=condition)
    assert (again.status_code, again.content) == (304, b"")
    await project(database, told("p2", "publishing", 9))
    assert (await client.get(f"/api/v1/{path}", headers=condition)).status_code == 200
