"""Who may look at the dashboard, who may do something there, and what no other site can make a visitor's browser do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from tests.contract.dashboard import NOW, an_action, dashboard, sign_in, state_of
from tracker.dashboard.session import LASTING
from tracker.store import keys

if TYPE_CHECKING:
    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

PAGES = ("/", "/posts", "/posts/p1", "/actions", "/rules", "/rules/r1", "/rules/r1/trial", "/runs")


@pytest.fixture
async def stranger(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who has not signed in, where a key is needed."""
    async with dashboard(database) as client:
        yield client


async def test_without_a_key_there_is_only_the_way_to_the_sign_in_page(stranger: httpx2.AsyncClient) -> None:
    for path in PAGES:
        answer = await stranger.get(f"{path}?q=1")
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"/sign-in?then={path.replace('/', '%2F')}%3Fq%3D1"
        assert (await stranger.get(path, headers={"X-Live": "1"})).status_code == 401
    assert 'name="key"' in (await stranger.get("/sign-in")).text


async def test_a_key_opens_the_dashboard_until_it_is_revoked(stranger: httpx2.AsyncClient, database: Database) -> None:
    answer = await sign_in(stranger, database, "read", then="/posts?state=failed")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/posts?state=failed")
    assert "signed in as test read" in (await stranger.get("/")).text
    async with database.connection() as conn:
        for key in await keys.list_all(conn):
            await keys.revoke(conn, key.id, NOW)
    assert (await stranger.get("/")).status_code == 303


async def test_a_key_that_is_not_known_is_refused(stranger: httpx2.AsyncClient) -> None:
    for key in ("", "trk_abc_def", "trk_\N{LATIN SMALL LETTER E WITH ACUTE}_x", "x" * 10_000):
        answer = await stranger.post("/sign-in", data={"key": key, "then": "/posts"})
        assert answer.status_code == 401
        assert "This key is not known" in answer.text
        assert "set-cookie" not in answer.headers


async def test_no_script_reads_the_session_and_no_other_site_sends_it(
    stranger: httpx2.AsyncClient, database: Database
) -> None:
    cookie = (await sign_in(stranger, database, "read")).headers["Set-Cookie"]
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
    assert f"Max-Age={int(LASTING.total_seconds())}" in cookie
    token = stranger.cookies["tracker_session"]
    async with database.connection() as conn:
        kept = await conn.fetch("select * from sessions")
    assert token not in str(kept)


async def test_who_has_signed_out_is_out_for_whoever_has_the_token(
    stranger: httpx2.AsyncClient, database: Database
) -> None:
    await sign_in(stranger, database, "read")
    token = stranger.cookies["tracker_session"]
    await stranger.post("/sign-out")
    assert (await stranger.get("/", headers={"Cookie": f"tracker_session={token}"})).status_code == 303


async def test_a_key_that_may_only_read_changes_nothing(stranger: httpx2.AsyncClient, database: Database) -> None:
    """It is not shown the buttons either."""
    await sign_in(stranger, database, "read")
    action = await an_action(database, "dead")
    assert f"/actions/{action}/retry" not in (await stranger.get("/actions")).text
    answer = await stranger.post(f"/actions/{action}/retry")
    assert answer.status_code == 403
    assert await state_of(database, action) == "dead"
    await sign_in(stranger, database, "operate")
    assert f"/actions/{action}/retry" in (await stranger.get("/actions")).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
async def test_nothing_is_done_for_another_site(database: Database, headers: dict[str, str]) -> None:
    """Not even where no key is needed."""
    action = await an_action(database, "dead")
    async with dashboard(database, open_here=True) as client:
        answer = await client.post(f"/actions/{action}/retry", headers=headers)
        assert answer.status_code == 403
        assert await state_of(database, action) == "dead"
        assert (await client.post(f"/actions/{action}/retry")).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8000"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"X-Real-IP": "203.0.113.9"},
    ],
    ids=str,
)
async def test_open_here_is_for_this_machine_under_its_own_name(database: Database, headers: dict[str, str]) -> None:
    """A name that another site lends us, and a proxy that speaks for somebody else, are not this machine."""
    async with dashboard(database, open_here=True) as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/", headers={"Host": "localhost:8000"})).status_code == 200
        assert (await client.get("/", headers=headers)).status_code == 303


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:evil.example",
        "///evil.example",
        "/\r\nSet-Cookie: a=b",
    ],
)
async def test_nobody_is_led_away_to_another_site(
    stranger: httpx2.AsyncClient, database: Database, elsewhere: str
) -> None:
    signed_in = await sign_in(stranger, database, "operate", then=elsewhere)
    language = await stranger.post("/language", data={"language": "tr", "then": elsewhere})
    action = await an_action(database, "dead")
    done = await stranger.post(f"/actions/{action}/retry", data={"then": elsewhere})
    for answer in (signed_in, language, done):
        assert answer.status_code == 303
        assert stranger.base_url.join(answer.headers["Location"]).host == "127.0.0.1"
        assert "a=b" not in answer.headers.get("Set-Cookie", "")
    shown = await stranger.get("/sign-in", params={"then": elsewhere})
    assert 'name="then" value="/"' in shown.text


async def test_every_page_forbids_what_is_not_its_own(database: Database) -> None:
    """No script, style or handler stands in a page, so that the policy need not allow any."""
    await an_action(database, "dead")
    async with dashboard(database, open_here=True) as client:
        for path in (*PAGES, "/sign-in", "/no/such/page", "/posts?state=x"):
            answer = await client.get(path)
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=\"/static/)", answer.text)


async def test_who_comes_from_another_site_is_asked_once_more_by_a_page_of_ours(stranger: httpx2.AsyncClient) -> None:
    """The browser kept the strict cookie from the first request; it sends it with the second."""
    answer = await stranger.get("/posts", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in answer.text


async def test_assets_are_kept_for_ever_under_a_name_that_changes_with_them(stranger: httpx2.AsyncClient) -> None:
    text = (await stranger.get("/sign-in")).text
    found = set(re.findall(r'/static/[^"]*', text))
    assert len(found) == 3
    for path in found:
        answer = await stranger.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert (await stranger.get(path.replace(path.split("/")[2], "0" * 12))).status_code == 404
