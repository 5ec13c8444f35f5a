"""The calendar's page and feed: where posts stand, in whose zone, and whom the link lets in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from tests.contract.dashboard import NOW, dashboard, sign_in
from tests.contract.serving import project
from tests.integration.told import told
from tracker.dashboard.installation import Installation
from tracker.domain.runs.acknowledgement import Links
from tracker.settings import Settings
from tracker.settings.sections import Server
from tracker.store import keys

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

HOUR = 3600
SECRET = "a secret that is long enough to sign links with"  # of this test alone
SIGNING = Installation(Settings(server=Server(link_secret=SecretStr(SECRET), public_url="https://t.example")))


async def posts(database: Database) -> None:
    await project(
        database,
        told("out", "published", 10, targets={"x": "published"}),
        told("short", "failed", 20, targets={"instagram": "failed"}),
        told("planned", "scheduled", 30, due=10 * HOUR),
        told("next month", "scheduled", 40, due=24 * 22 * HOUR),
    )


async def test_a_week_and_a_month_show_posts_on_their_days(database: Database) -> None:
    await posts(database)
    async with dashboard(database, open_here=True) as client:
        week = (await client.get("/calendar")).text
        (today,) = re.findall(r'<li class="today.*?</ul>', week, re.DOTALL)
        assert [today.index(word) for word in ("out", "short", "22:00", "planned")] == sorted(
            today.index(word) for word in ("out", "short", "22:00", "planned")
        )
        assert "next month" not in week
        assert "9 November – 15 November 2026" in week
        abroad = (await client.get("/calendar", params={"zone": "Europe/Istanbul"})).text
        assert "01:00" in abroad
        month = (await client.get("/calendar", params={"view": "month", "day": "2026-12-24"})).text
        assert "next month" in month
        assert month.count('<h2><time datetime="') == 35
        only = (await client.get("/calendar", params={"state": "failed"}, headers={"Accept-Language": "tr"})).text
        assert "short" in only
        assert ">out<" not in only
        assert "Kasım" in only


@pytest.mark.parametrize(
    "query", ["view=year", "day=tomorrow", "day=0001-01-01", "day=9999-12-31", "zone=Mars/Base", "state=publshed"]
)
async def test_a_slip_in_the_address_is_a_page_that_says_so(database: Database, query: str) -> None:
    async with dashboard(database, open_here=True) as client:
        answer = await client.get(f"/calendar?{query}")
        assert (answer.status_code, answer.headers["content-type"][:9]) == (400, "text/html")


async def test_the_link_lets_in_whoever_has_it_until_its_key_is_revoked(database: Database) -> None:
    await posts(database)
    async with dashboard(database, installation=SIGNING) as client:
        await sign_in(client, database, "read")
        page = (await client.get("/calendar", params={"platform": "x"})).text
        (link,) = re.findall(r'href="https://t\.example(/calendar\.ics\?[^"]+)"', page)
        link = link.replace("&amp;", "&")
        client.cookies.clear()
        feed = await client.get(link)
        assert (feed.status_code, feed.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
        assert "SUMMARY:published: out\r\n" in feed.text
        assert "URL:https://t.example/posts/out?provider=sosyalkopru\r\n" in feed.text
        assert feed.text.count("BEGIN:VEVENT") == 1
        assert (await client.get(link[:-1] + ("0" if link[-1] != "0" else "1"))).status_code == 404
        for elsewhere in (re.sub("feed=[^&]*", "feed=", link), "/posts" + link.partition("ics")[2]):
            assert (await client.get(elsewhere)).headers["location"].startswith("/sign-in")
        async with database.connection() as conn:
            for key in await keys.list_all(conn):
                await keys.revoke(conn, key.id, NOW)
        assert (await client.get(link)).status_code == 404


async def test_without_a_secret_there_is_no_link(database: Database) -> None:
    async with dashboard(database) as client:
        await sign_in(client, database, "read")
        page = (await client.get("/calendar")).text
        assert "link_secret" in page
        assert "feed=" not in page
        async with database.connection() as conn:
            (key,) = await keys.list_all(conn)
        unsigned = Links("", "").feed(key.id)
        client.cookies.clear()
        assert (await client.get("/calendar.ics", params={"feed": unsigned})).status_code == 404


def test_a_link_for_an_alert_opens_no_feed() -> None:
    """Each purpose is signed by itself, and nothing that was not signed has a key."""
    links = Links("", SECRET)
    assert links.key_of_feed(links.feed("k1")) == "k1"
    for token in ("", ".", "k1", "k1.", "k1.ş", links.feed("k1").replace("k1", "k2"), Links("", "").feed("k1")):
        assert links.key_of_feed(token) is None
