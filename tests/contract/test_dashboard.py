"""The pages of the dashboard as they are sent: what they hold, what is escaped, and what is said when it goes wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from tests.conftest import QUICK
from tests.contract.dashboard import an_action, dashboard, sign_in, state_of
from tests.contract.serving import project
from tests.integration.told import PROVIDER, told
from tracker.dashboard.installation import Installation
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.errors import Misconfigured
from tracker.rulebook.source import Footing
from tracker.settings import Settings
from tracker.settings.sections import Server
from tracker.store.database import Database
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

pytestmark = pytest.mark.anyio

SCRIPT = "<script>alert(1)</script>"
LONG = "x" * 500
FROM_RIGHT = "\N{RIGHT-TO-LEFT OVERRIDE}kötü/../\N{ARABIC LETTER ALEF}?a=b#c&d"
HOSTILE = (SCRIPT, LONG, FROM_RIGHT, "a/b", "a/../b", "%2e%2e", 'x" onmouseover="alert(1)', "{{ 7 * 7 }}")
FOLDED = "As it came"


@pytest.fixture
async def visitor(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody at this machine, who needs no key and may do everything."""
    async with dashboard(database, open_here=True) as client:
        yield client


async def test_the_overview_counts_posts_and_names_what_needs_somebody(database: Database) -> None:
    await project(database, told("p1", "failed", 1), told("p2", "published", 2), told("poison", "failed", 3))
    await an_action(database, "dead")
    async with database.connection() as conn:
        await conn.execute(
            "insert into quarantine (provider, reason, authentic, delivery, body_hash, received_at, headers, body)"
            " values ('p', 'not_json', true, 'd', 'h', now(), '{}', '')"
        )
    fault = Misconfigured("there is no channel", file="rules/a.toml", line=3, column=4)
    readers = ["processor", "other"]
    async with dashboard(database, subscriptions=readers, rule_faults=lambda: [fault], open_here=True) as client:
        text = (await client.get("/")).text
    for said in (
        "Actions that failed for good: 1",
        "Deliveries in quarantine: 1",
        "worked on: 1. The newest error:",
        "poison",
        "rules/a.toml:3:4: there is no channel",
        '<bdi class="code" translate="no">other</bdi> shows no sign of life',
        'data-count="5"',
    ):
        assert said in text, said


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_what_is_refused_is_told_with_since_when_and_what_is_in_force_instead(
    database: Database, path: str
) -> None:
    fault = Misconfigured("there is no channel", file="rules/a.toml", line=3, column=4)
    odd = Misconfigured("is <b>odd</b>", file="config.toml", line=5, key="channels.ops")
    known = Installation(Settings().without({"channels.ops": odd}))
    kept = Footing("kept", datetime(2026, 11, 1, 10, tzinfo=UTC), datetime(2026, 11, 2, 11, tzinfo=UTC))
    for footing, words in (
        (kept, ("The last good rules stay in force", "2026-11-01 10:00:00 UTC", "2026-11-02 11:00:00 UTC")),
        (Footing("none"), ("no rule is in force",)),
    ):
        told_of: dict[str, Any] = {
            "rule_faults": lambda: [fault],
            "footing": partial(replace, footing),
            "installation": known,
        }
        async with dashboard(database, open_here=True, **told_of) as client:
            text = (await client.get(path)).text
        for said in ("rules/a.toml:3:4: there is no channel", "is &lt;b&gt;odd&lt;/b&gt;", "is set up wrongly", *words):
            assert said in text


async def test_an_empty_installation_says_what_will_come(visitor: httpx2.AsyncClient) -> None:
    for path, said in {"/": "No post yet", "/posts": "No post yet", "/actions": "Nothing was done yet"}.items():
        assert said in (await visitor.get(path)).text


async def test_the_first_steps_tick_themselves_and_go_with_the_first_post(database: Database) -> None:
    settings = Settings(server=Server(public_url="https://tracker.example.org"))
    installation = Installation(settings, [PROVIDER])

    async def ticks() -> list[str]:
        async with dashboard(database, open_here=True, installation=installation) as visitor:
            text = (await visitor.get("/")).text
        assert ("https://tracker.example.org/webhooks/sosyalkopru" in text) is ("step-post" in text)
        return re.findall(r'<li class="done" id="step-(\w+)">', text) if "step-post" in text else ["all"]

    async with dashboard(database, open_here=True) as visitor:
        assert 'class="done"' not in (await visitor.get("/")).text
    assert await ticks() == ["provider"]
    await project(database, told(None, None, 1, kind="webhook.test"))
    assert await ticks() == ["provider", "address", "test"]
    await project(database, told("p1", "published", 2))
    assert await ticks() == ["all"]


async def test_the_navigation_says_beside_a_page_what_needs_somebody(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    await an_action(database, "dead")
    text = (await visitor.get("/posts")).text
    assert re.search(r'href="/actions" >Actions <b class="count"[^>]*>1<', text)
    assert re.search(r'href="/rules" >Reactions <b class="count"[^>]*>1<', text)
    assert not re.search(r"Quarantine <b", text)


@pytest.mark.parametrize("post", HOSTILE, ids=lambda post: post[:12])
async def test_a_post_has_its_page_whatever_its_id_is_made_of(
    visitor: httpx2.AsyncClient, database: Database, post: str
) -> None:
    """The link in the list leads to it, and nothing of the id becomes markup."""
    await project(database, told(post, "published", 1))
    await an_action(database, "dead", post, title=post)
    for path in ("/", "/posts", "/actions"):
        text = (await visitor.get(path)).text
        assert SCRIPT not in text
        assert 'x" onmouseover=' not in text
        found = re.search(r'class="post-id" href="([^"]*)"', text)
        assert found
        answer = await visitor.get(found[1].replace("&amp;", "&"))
        assert answer.status_code == 200
        assert SCRIPT not in answer.text
        assert "What happened" in answer.text


async def test_the_filters_leave_what_they_say(visitor: httpx2.AsyncClient, database: Database) -> None:
    await project(database, told("p1", "failed", 1), told("p2", "published", 2), told("p3", "scheduled", 3))
    for query, posts in {
        "state=failed": {"p1"},
        "state=failed&state=published": {"p1", "p2"},
        "state=failed,published": {"p1", "p2"},
        "q=p3": {"p3"},
        "since=1h": {"p1", "p2", "p3"},
        "since=59m": set(),
        "stuck_for=15m": {"p3"},
        "platform=x": set(),
    }.items():
        text = (await visitor.get(f"/posts?{query}")).text
        assert set(re.findall(r'href="/posts/(p\d)', text)) == posts, query


@pytest.mark.parametrize(
    "query", ["state=faild", "since=yesterdy", "stuck_for=1", "cursor=bm8", "q=a%00b", "since=999999999999d"]
)
async def test_an_address_that_makes_no_sense_is_explained(visitor: httpx2.AsyncClient, query: str) -> None:
    answer = await visitor.get(f"/posts?{query}")
    assert answer.status_code == 400
    assert "This cannot be done" in answer.text


async def test_the_live_part_is_sent_again_only_when_it_has_changed(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    await project(database, told("p1", "scheduled", 1))
    page = await visitor.get("/posts")
    tag = re.search(r'data-tag="([^"]*)"', page.text)
    assert tag
    asks = {"X-Live": "1", "If-None-Match": tag[1].replace("&#34;", '"')}
    assert (await visitor.get("/posts", headers=asks)).status_code == 304
    async with database.connection() as conn:
        await conn.execute("update posts set fold = jsonb_set(fold::jsonb, '{state}', '\"failed\"')")
    changed = await visitor.get("/posts", headers=asks)
    assert changed.status_code == 200
    assert "<html" not in changed.text
    assert "state-failed" in changed.text


async def test_bodies_are_for_those_whom_the_api_shows_them_too(database: Database) -> None:
    await project(database, told("p1", "published", 1, extra="of the body"))
    async with dashboard(database) as client:
        for scope, shown in {"read": False, "operate": False, "admin": True}.items():
            await sign_in(client, database, scope)
            text = (await client.get("/posts/p1")).text
            assert ("of the body" in text) is shown
            assert (FOLDED in text) is shown


async def test_an_action_is_tried_again_or_given_up_by_hand(visitor: httpx2.AsyncClient, database: Database) -> None:
    """The page says what was done; who is overtaken is told so."""
    await project(database, told("p1", "failed", 1))
    for verb, state, said in (("retry", "pending", "tried again now"), ("discard", "discarded", "given up")):
        action = await an_action(database, "dead")
        answer = await visitor.post(f"/actions/{action}/{verb}", data={"then": "/posts/p1?provider=sosyalkopru"})
        assert answer.status_code == 303
        assert await state_of(database, action) == state
        assert said in (await visitor.get(answer.headers["Location"])).text
    done = await an_action(database, "done")
    refused = await visitor.post(f"/actions/{done}/retry")
    assert refused.status_code == 409
    assert "Things have moved on" in refused.text


async def test_what_is_not_there_is_a_page_here_and_a_problem_in_the_api(visitor: httpx2.AsyncClient) -> None:
    for path in ("/posts/nobody", "/no/such/page", f"/posts/{quote(SCRIPT)}"):
        answer = await visitor.get(path)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Not found" in answer.text
        assert SCRIPT not in answer.text
    answer = await visitor.get("/api/v1/no/such/thing")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert (await visitor.get("/healthz")).json() == {"status": "ok"}
    assert (await visitor.get("/schema/openapi.json")).status_code == 401


async def test_while_the_database_is_away_the_page_says_so_and_comes_again(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres", QUICK) as server:
        await upgrade(server.dsn)
        async with Database.open(server.dsn) as database, dashboard(database, open_here=True) as client:
            server.stop()
            answer = await client.get("/posts")
            assert answer.status_code == 503
            assert "Away for a moment" in answer.text
            assert '<meta http-equiv="refresh"' in answer.text
            assert int(answer.headers["Retry-After"]) > 0
