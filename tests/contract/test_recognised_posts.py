"""What posts are recognised by, and accounts: told by the API, the command line and the dashboard, and escaped."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.command_line import CommandLine, execute, said, take
from tests.contract.dashboard import dashboard
from tests.contract.serving import bearer
from tests.integration.told import NOON, PROVIDER
from tests.unit.conforming import adapter_of
from tracker.cli.output import listed
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

pytestmark = pytest.mark.anyio

SCRIPT = "<script>alert(1)</script>"
IMAGE = "https://cdn.example.com/1.jpg"


def about(event: str, second: int, **data: Any) -> bytes:
    """An event about an account."""
    body: dict[str, Any] = json.loads(said(event, "", second, **data))
    del body["data"]["postId"]
    return json.dumps(body).encode()


@pytest.fixture
def url(database_url: str) -> str:
    """Three posts, two of which say something of themselves, and two accounts."""
    attributes = '{"campaign": "bahar", "owner": "Ada"}'
    take(
        database_url,
        said("post.scheduled", "p1", 1, scheduledAt="2026-11-12T09:00:00Z",
             content={"text": f"Merhaba 100% {SCRIPT}", "media": [IMAGE]}),
        said("post.failed", "p2", 2, content={"text": "İlkbahar geldi"},
             platforms=[{"platform": "instagram", "accountId": "acc_7", "accountName": "Ada's <b>shop</b>",
                         "error": {"code": "auth_expired", "message": "sign in again"}}]),
        said("post.published", "p3", 3),
        about("account.token_expired", 4, accountId="acc_7", platform="instagram"),
        about("account.connected", 5, accountId="acc_9", platform="x"),
        now=NOON + timedelta(seconds=10),
    )  # fmt: skip
    execute(
        database_url,
        f"update posts set fold = (fold::jsonb || '{{\"attributes\": {attributes}}}')::json,"
        " terms = '{campaign:bahar,owner:Ada,#team:web}' where post = 'p1'",
    )
    return database_url


async def get(client: httpx2.AsyncClient, path: str, **parameters: Any) -> Any:
    response = await client.get(f"/api/v1{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


async def asked(url: str, path: str, **parameters: Any) -> Any:
    parts = {"readers": {PROVIDER: adapter_of(PROVIDER)}}
    async with Database.open(url) as database, dashboard(database, open_here=True, parts=parts) as client:
        client.headers |= await bearer(database, "read")
        return await get(client, path, **parameters)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"attribute": "campaign:bahar"}, ["p1"]),
        ({"attribute": ["campaign:bahar", "owner=Ada"]}, ["p1"]),
        ({"attribute": ["campaign:bahar", "owner:Bo"]}, []),
        ({"attribute": "campaign:Bahar"}, []),
        ({"q": "merhaba"}, ["p1"]),
        ({"q": "100%"}, ["p1"]),
        ({"q": "ilkbahar"}, ["p2"]),
        ({"q": "acc_7"}, ["p2"]),
        ({"q": "ada"}, ["p1"]),
        ({"q": "campaign"}, []),
        ({"label": "team:web"}, ["p1"]),
        ({"label": "campaign:bahar"}, []),
        ({"attribute": "team:web"}, []),
        ({"error": "auth_expired"}, ["p2"]),
        ({"error": "auth"}, []),
        ({"error": "auth_expired", "state": "published"}, []),
        ({"platform": "InstaGram"}, ["p2"]),
        ({"scheduled_from": "2026-11-12"}, ["p1"]),
        ({"scheduled_from": "2026-11-12", "scheduled_to": "2026-11-12T09:00:00Z"}, []),
        ({"scheduled_to": "2026-11-13", "sort": "scheduled_at"}, ["p1"]),
        ({"since": "today"}, ["p1", "p2", "p3"]),
        ({"until": "today"}, []),
    ],
)
def test_posts_are_found_by_what_they_say(url: str, filters: dict[str, Any], expected: list[str]) -> None:
    """By the text, by attributes and by accounts; a name alone is no value."""
    found = asyncio.run(asked(url, "/posts", **filters))
    assert sorted(post["id"] for post in found["items"]) == expected


@pytest.mark.parametrize(
    "filters", [{"q": "geldi"}, {"error": "auth_expired"}, {"platform": "INSTAGRAM"}, {"state": "failed"}]
)
def test_the_past_is_searched_the_same_way(url: str, filters: dict[str, str]) -> None:
    found = asyncio.run(asked(url, "/posts", as_of="2026-11-10T13:00:00Z", **filters))
    assert [post["id"] for post in found["items"]] == ["p2"]
    planned = asyncio.run(asked(url, "/posts", as_of="2026-11-10T13:00:00Z", scheduled_from="2026-11-12"))
    assert [post["id"] for post in planned["items"]] == ["p1"]


def test_a_provider_that_nobody_knows_is_refused_with_the_nearest(url: str, tmp_path: Path) -> None:
    status, problem = asyncio.run(told(url, "/posts", provider="sosyalkopr"))
    assert (status, problem["parameter"]) == (400, "provider")
    assert 'did you mean "sosyalkopru"?' in problem["detail"]
    ran = CommandLine(tmp_path).configure(url)("posts", "list", "--provider", "sosyalkopr")
    assert (ran.code, 'did you mean "sosyalkopru"?' in ran.err) == (2, True)
    execute(url, "update posts set provider = 'gone' where post = 'p3'")
    found = asyncio.run(asked(url, "/posts", provider="gone"))
    assert len(found["items"]) == 1


def test_a_time_that_is_none_is_told_what_may_be_written(url: str) -> None:
    for name in ("since", "until", "scheduled_from", "scheduled_to", "as_of"):
        status, problem = asyncio.run(told(url, "/posts", **{name: "tomorow"}))
        assert (status, problem["parameter"]) == (400, name)
        for form in ("2026-11-30T09:00:00Z", "2026-11-30", "today", "yesterday", "24h"):
            assert form in problem["detail"]


async def told(url: str, path: str, **parameters: Any) -> tuple[int, Any]:
    parts = {"providers": (PROVIDER,)}
    async with Database.open(url) as database, dashboard(database, open_here=True, parts=parts) as client:
        client.headers |= await bearer(database, "read")
        answer = await client.get(f"/api/v1{path}", params=parameters)
        return answer.status_code, answer.json()


@pytest.mark.parametrize("wrong", ["campaign", ":x", "a b:x", "campaign:", "campaign:\x00"])
def test_an_attribute_that_is_none_is_named(url: str, wrong: str) -> None:
    status, problem = asyncio.run(told(url, "/posts", attribute=wrong))
    assert (status, problem["parameter"]) == (400, "attribute")


def test_a_post_tells_what_it_is_recognised_by(url: str) -> None:
    for path, filters in (("/posts/p1", {}), ("/posts", {"q": "p1"})):
        found = asyncio.run(asked(url, path, **filters))
        post = found["items"][0] if "items" in found else found
        assert post["excerpt"] == f"Merhaba 100% {SCRIPT}"
        assert (post["thumbnail"], post["labels"]) == (IMAGE, {})
        assert post["attributes"] == {"campaign": "bahar", "owner": "Ada"}


def test_accounts_are_listed_filtered_and_paged(url: str) -> None:
    page = asyncio.run(asked(url, "/accounts", limit=1))
    assert [one["account"] for one in page["items"]] == ["acc_7"]
    assert page["items"][0] == {
        "provider": "sosyalkopru", "account": "acc_7", "platform": "instagram", "name": "Ada's <b>shop</b>",
        "state": "expired", "since": "2026-11-10T12:00:04Z", "last_event": "account.token_expired",
        "last_event_at": "2026-11-10T12:00:04Z",
    }  # fmt: skip
    rest = asyncio.run(asked(url, "/accounts", limit=1, cursor=page["next"]))
    assert ([one["account"] for one in rest["items"]], rest["next"]) == (["acc_9"], None)
    for filters, expected in (
        ({"state": "expired,disconnected"}, ["acc_7"]), ({"platform": "X"}, ["acc_9"]), ({"provider": "nobody"}, []),
    ):  # fmt: skip
        found = asyncio.run(asked(url, "/accounts", **filters))
        assert [one["account"] for one in found["items"]] == expected
    status, problem = asyncio.run(told(url, "/accounts", state="expird"))
    assert (status, 'did you mean "expired"?' in problem["detail"]) == (400, True)


def test_the_command_line_shows_and_filters_the_same(url: str, tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path).configure(url)
    ran = tracker("posts", "list", "--attribute", "campaign=bahar", "--json")
    assert [post["id"] for post in ran.json["items"]] == ["p1"]
    assert "campaign=bahar" in tracker("posts", "list").out
    shown = tracker("posts", "show", "p1").out
    assert f"Merhaba 100% {SCRIPT}" in shown
    assert IMAGE in shown
    assert "campaign=bahar, owner=Ada" in shown
    wrong = tracker("posts", "list", "--attribute", "campaign")
    assert (wrong.code, "campaign:spring" in wrong.err) == (2, True)


def test_the_command_line_lists_accounts(url: str, tmp_path: Path) -> None:
    tracker = CommandLine(tmp_path).configure(url)
    lines = tracker("accounts", "list").lines
    assert lines[0].split() == ["provider", "account", "platform", "name", "state", "since", "last", "event"]
    assert "Ada's <b>shop</b>  expired" in lines[1]
    assert [one["account"] for one in tracker("accounts", "list", "--state", "connected", "--json").json["items"]] == [
        "acc_9"
    ]
    wrong = tracker("accounts", "list", "--state", "expird")
    assert (wrong.code, 'did you mean "expired"?' in wrong.err) == (2, True)


def test_named_values_are_told_as_they_are_written() -> None:
    assert listed({"b": "2", "a": "1"}) == ["a=1", "b=2"]


async def page_of(url: str, path: str, language: str = "en") -> str:
    parts = {"readers": {PROVIDER: adapter_of(PROVIDER)}}
    async with Database.open(url) as database, dashboard(database, parts=parts, open_here=True) as client:
        answer = await client.get(path, headers={"Accept-Language": language})
        assert answer.status_code == 200
        return answer.text


def test_the_dashboard_shows_it_and_runs_nothing_of_it(url: str) -> None:
    for path in ("/posts", "/posts/p1"):
        text = asyncio.run(page_of(url, path))
        assert SCRIPT not in text
        assert "Merhaba 100% &lt;script&gt;" in text
        assert "/posts?attribute=campaign%3Abahar" in text
    assert f'href="{IMAGE}"' in text
    assert f'src="{IMAGE}"' not in text
    assert "Görsel" in asyncio.run(page_of(url, "/posts/p1", "tr"))


def test_the_dashboard_filters_by_attributes(url: str) -> None:
    text = asyncio.run(page_of(url, "/posts?attribute=campaign%3Abahar"))
    assert ("/posts/p1?" in text, "/posts/p2?" in text) == (True, False)
    assert 'value="campaign:bahar"' in text


def test_names_of_accounts_stand_beside_their_ids(url: str) -> None:
    text = asyncio.run(page_of(url, "/posts/p2"))
    assert "Ada&#39;s &lt;b&gt;shop&lt;/b&gt;" in text
    assert "acc_7" in text


def test_causes_are_told_by_the_api_and_on_the_command_line(url: str, tmp_path: Path) -> None:
    found = asyncio.run(asked(url, "/causes", since="2026-11-10", until="2026-11-11", platform="Instagram"))
    (cause,) = found["items"]
    assert (cause["error"], cause["account"], cause["posts"], cause["provider"]) == ("auth_expired", "acc_7", 1, None)
    tracker = CommandLine(tmp_path).configure(url)
    ran = tracker("posts", "causes", "--since", "2026-11-10", "--until", "2026-11-11", "--group", "provider", "--json")
    assert [(one["provider"], one["error"], one["posts"]) for one in ran.json["items"]] == [("sosyalkopru", None, 1)]
    assert "sign in again" in tracker("posts", "causes", "--since", "2026-11-10", "--until", "2026-11-11").out
    wrong = tracker("posts", "causes", "--group", "platfrom")
    assert (wrong.code, 'did you mean "platform"?' in wrong.err) == (2, True)
