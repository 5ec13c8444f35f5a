"""The REST API as people's scripts use it: filters, pages, one post, its history, the log, actions, and refusals."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.contract.serving import bearer, project, serving
from tests.integration.corridor import READERS
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application
from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import AlertPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.queries import events
from tracker.store.actions import actions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(hours=1)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API, and a client with a key that may read."""
    app = application(Parts(database, lambda: NOW, None, providers=(PROVIDER,), readers=READERS))
    async with serving(app) as client:
        client.headers |= await bearer(database, "read")
        yield client


async def a_few_posts(database: Database) -> None:
    """Five posts in four states, one second apart."""
    await project(
        database,
        told("p1", "scheduled", 1),
        told("p2", "publishing", 2, targets={"instagram": "publishing", "x": "published"}),
        told("p3", "failed", 3, targets={"instagram": "failed"}),
        told("p4", "published", 4),
        told("p5", "published", 5),
    )


async def an_action(database: Database, state: str, post: str = "p3") -> str:
    """One action of the post in that state."""
    spec = ActionSpec("alert", "ops", AlertPayload(title="it failed"), f"key-{uuid4()}", NOON)
    async with database.connection() as conn:
        await actions.intend(conn, [ActionRequest(spec, "on-failure", "r1", uuid4(), PROVIDER, post)], NOON)
        await conn.execute("update actions set state = $2 where id = $1", spec.id, state)
    return str(spec.id)


async def get(client: httpx2.AsyncClient, path: str, **parameters: Any) -> Any:
    """The answer, which must be a 200."""
    response = await client.get(f"/api/v1{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


async def ids(client: httpx2.AsyncClient, **filters: Any) -> list[str]:
    """The ids of the posts that the filters leave."""
    return [post["id"] for post in (await get(client, "/posts", **filters))["items"]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["p5", "p4", "p3", "p2", "p1"]),
        ({"sort": "last_event_at"}, ["p1", "p2", "p3", "p4", "p5"]),
        ({"state": "published"}, ["p5", "p4"]),
        ({"state": "failed,scheduled"}, ["p3", "p1"]),
        ({"state": ["failed", "scheduled"]}, ["p3", "p1"]),
        ({"platform": "instagram"}, ["p3", "p2"]),
        ({"since": "2026-11-10T12:00:04Z"}, ["p5", "p4"]),
        ({"until": "2026-11-10T15:00:02+03:00"}, ["p1"]),
        ({"q": "P3"}, ["p3"]),
        ({"q": "%"}, []),
        ({"stuck_for": "30m"}, ["p2", "p1"]),
        ({"stuck_for": "2h"}, []),
        ({"state": "published", "stuck_for": "59m56s"}, ["p4"]),
    ],
)
async def test_each_filter_leaves_what_it_says(
    client: httpx2.AsyncClient, database: Database, filters: dict[str, Any], expected: list[str]
) -> None:
    await a_few_posts(database)
    assert await ids(client, **filters) == expected


async def test_a_cursor_neither_repeats_nor_skips_while_data_arrives(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """Posts that come or move after the first page began are the only ones it may miss."""
    await project(database, *(told(f"p{n:02}", "scheduled", n) for n in range(30)))
    seen: list[str] = []
    page = await get(client, "/posts", limit=7)
    while True:
        seen += [post["id"] for post in page["items"]]
        if page["next"] is None:
            break
        await project(database, told(f"new{len(seen)}", "scheduled", 100 + len(seen)))
        page = await get(client, "/posts", limit=7, cursor=page["next"])
    assert seen == [f"p{n:02}" for n in reversed(range(30))]


@pytest.mark.parametrize("sort", ["published_at", "-published_at", "-last_event_at"])
async def test_pages_hold_every_post_once_also_where_the_sorted_time_is_missing(
    client: httpx2.AsyncClient, database: Database, sort: str
) -> None:
    await project(
        database, *(told(f"p{n}", "published" if n % 3 else "scheduled", n // 2) for n in range(12))
    )  # two of each second: equal times are told apart by the id
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await get(client, "/posts", limit=2, sort=sort, **cursor)
        seen += [post["id"] for post in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(seen) == 12
    assert set(seen) == {f"p{n}" for n in range(12)}


async def test_one_post_says_what_it_is_and_what_comes_next(client: httpx2.AsyncClient, database: Database) -> None:
    await a_few_posts(database)
    action = await an_action(database, "pending")
    post = await get(client, "/posts/p3")
    assert (post["state"], post["attempt"], post["version"]) == ("failed", 1, 1)
    assert post["failed_at"] == "2026-11-10T12:00:03Z"
    assert [target["platform"] for target in post["targets"]] == ["instagram"]
    assert [(item["what"], item["action"], item["due_at"]) for item in post["pending"]] == [
        ("action", action, "2026-11-10T12:00:00Z")
    ]


async def test_an_etag_holds_until_something_changes(client: httpx2.AsyncClient, database: Database) -> None:
    await a_few_posts(database)
    first = await client.get("/api/v1/posts/p1")
    condition = {"If-None-Match": first.headers["etag"]}
    assert (await client.get("/api/v1/posts/p1", headers=condition)).status_code == 304
    await project(database, told("p1", "publishing", 9))
    again = await client.get("/api/v1/posts/p1", headers=condition)
    assert (again.status_code, again.json()["state"]) == (200, "publishing")


async def test_a_post_of_two_providers_must_be_asked_for_by_provider(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await a_few_posts(database)
    async with database.connection() as conn:
        await conn.execute(
            "insert into posts select projection, 'other', post, bucket, state, attempt, version, platforms, accounts,"
            " entered_at, scheduled_at, published_at, failed_at, last_event_at, first_day, last_day,"
            " jsonb_set(fold::jsonb, '{provider}', '\"other\"') from posts where post = 'p1'"
        )
    response = await client.get("/api/v1/posts/p1")
    assert (response.status_code, response.json()["parameter"]) == (400, "provider")
    assert "other" in response.json()["detail"]
    assert (await get(client, "/posts/p1", provider="other"))["provider"] == "other"


async def test_history_is_one_timeline_with_late_and_repeated_marked(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await project(database, told("p1", "publishing", 1), told("p1", "failed", 9), told("p1", "scheduled", 0))
    await project(database, told("p1", "failed", 9, "again"))
    action = await an_action(database, "done", "p1")
    entries = (await get(client, "/posts/p1/history"))["items"]
    facts = [entry["data"] for entry in entries if entry["type"] == "fact"]
    assert [(fact["event"], fact["late"], len(fact["repeats"])) for fact in facts] == [
        ("post.publishing", False, 0), ("post.failed", False, 1), ("post.scheduled", True, 0),
    ]  # fmt: skip
    assert facts[1]["repeats"][0]["same"] == "body"
    assert facts[0]["occurred_at"] == "2026-11-10T12:00:01Z"
    assert [entry["data"]["after"] for entry in entries if entry["type"] == "change"][:2] == ["publishing", "failed"]
    assert [entry["data"]["action"] for entry in entries if entry["type"] == "action"] == [action]


async def test_history_comes_in_pages_too(client: httpx2.AsyncClient, database: Database) -> None:
    await project(database, *(told("p1", state, n) for n, state in enumerate(["scheduled", "publishing", "failed"])))
    whole = (await get(client, "/posts/p1/history"))["items"]
    paged: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await get(client, "/posts/p1/history", limit=1, **cursor)
        paged += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert paged == whole
    assert len(whole) == 6


async def test_the_log_is_read_after_a_position_and_by_filters(client: httpx2.AsyncClient, database: Database) -> None:
    await a_few_posts(database)
    events = (await get(client, "/events"))["items"]
    assert [event["post"] for event in events] == ["p1", "p2", "p3", "p4", "p5"]
    later = await get(client, "/events", after=events[2]["position"], limit=1)
    assert [event["post"] for event in later["items"]] == ["p4"]
    further = await get(client, "/events", after=events[2]["position"], limit=1, cursor=later["next"])
    assert ([event["post"] for event in further["items"]], further["next"]) == (["p5"], None)
    assert [e["post"] for e in (await get(client, "/events", type="post.failed"))["items"]] == ["p3"]
    assert [e["post"] for e in (await get(client, "/events", post="p2"))["items"]] == ["p2"]
    assert [e["post"] for e in (await get(client, "/events", sort="-position", limit=1))["items"]] == ["p5"]


async def test_the_raw_body_of_an_event_is_for_admins_only(client: httpx2.AsyncClient, database: Database) -> None:
    event = told("p1", "scheduled", 1)
    await project(database, event)
    position = (await get(client, "/events"))["items"][0]["position"]
    assert (await get(client, f"/events/{position}"))["raw"] is None
    assert (await client.get(f"/api/v1/events/{position}?raw=true")).status_code == 403
    client.headers |= await bearer(database, "admin")
    raw = (await get(client, f"/events/{position}", raw="true"))["raw"]
    assert raw["body"].encode() == event.body
    (listed,) = (await get(client, "/events", raw="true"))["items"]
    assert listed["raw"] == raw


async def test_a_page_with_bodies_is_short(client: httpx2.AsyncClient, database: Database) -> None:
    await project(database, *(told(f"p{n}", "scheduled", n) for n in range(25)))
    assert (await client.get("/api/v1/events?raw=true")).status_code == 403
    client.headers |= await bearer(database, "admin")
    first = await get(client, "/events", raw="true", limit=500)
    rest = await get(client, "/events", raw="true", cursor=first["next"])
    assert [len(page["items"]) for page in (first, rest)] == [20, 5]


async def test_a_rare_event_is_found_without_reading_the_whole_log_at_once(
    client: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that hold nothing lead to the one that does."""
    monkeypatch.setattr(events, "LOOK", 4)
    await project(database, *(told(f"p{n}", "failed" if n == 9 else "scheduled", n) for n in range(13)))
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while cursor or not pages:
        page = await get(client, "/events", type="post.failed", **cursor)
        pages.append([event["post"] for event in page["items"]])
        cursor = {"cursor": page["next"]} if page["next"] else {}
    assert pages == [[], [], ["p9"], []]


async def test_a_dead_action_is_retried_by_hand_once_and_the_log_says_so(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await a_few_posts(database)
    action = await an_action(database, "dead")
    assert (await client.post(f"/api/v1/actions/{action}/retry")).status_code == 403
    client.headers |= await bearer(database, "operate")
    response = await client.post(f"/api/v1/actions/{action}/retry")
    assert (response.status_code, response.json()["state"]) == (200, "pending")
    again = await client.post(f"/api/v1/actions/{action}/retry")
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert [e["type"] for e in (await get(client, "/events", source="manual"))["items"]] == ["action.retried"]


async def test_a_pending_action_is_discarded_by_hand(client: httpx2.AsyncClient, database: Database) -> None:
    action = await an_action(database, "pending")
    client.headers |= await bearer(database, "operate")
    assert (await client.post(f"/api/v1/actions/{action}/discard")).json()["state"] == "discarded"
    listed = await get(client, "/actions", state="discarded", rule="on-failure")
    assert [item["id"] for item in listed["items"]] == [action]


async def test_actions_come_in_pages(client: httpx2.AsyncClient, database: Database) -> None:
    made = {await an_action(database, "done") for _ in range(5)}
    first = await get(client, "/actions", limit=3)
    second = await get(client, "/actions", limit=3, cursor=first["next"])
    assert [item["id"] for item in first["items"] + second["items"]] == sorted(made)
    assert second["next"] is None
