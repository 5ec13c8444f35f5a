"""`/calendar` and `/calendar.ics`: days of a zone with their posts, filters, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, project, serving
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

NOW = NOON + timedelta(hours=1)
HOUR = 3600


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API with a few posts, and a client with a key that may read."""
    await project(
        database,
        told("out", "published", 10, targets={"x": "published"}),
        told("failed", "failed", 20, targets={"instagram": "failed"}),
        told("planned", "scheduled", 30, due=10 * HOUR),
        told("tomorrow", "scheduled", 40, due=24 * HOUR),
        told("long ago", "published", -40 * 24 * HOUR),
    )
    async with serving(application(Parts(database, lambda: NOW, None, providers=(PROVIDER,)))) as client:
        client.headers |= await bearer(database, "read")
        yield client


async def days(client: httpx2.AsyncClient, **asked: Any) -> list[Any]:
    answer = await client.get("/api/v1/calendar", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


async def test_a_week_from_today_on_each_post_on_its_day(client: httpx2.AsyncClient) -> None:
    found = await days(client)
    assert [day["day"] for day in found] == [f"2026-11-{number}" for number in range(10, 17)]
    assert [[post["id"] for post in day["posts"]] for day in found[:3]] == [
        ["out", "failed", "planned"], ["tomorrow"], [],
    ]  # fmt: skip
    assert found[0]["posts"][2]["at"] == "2026-11-10T22:00:00Z"
    assert (found[0]["number"], found[0]["begins_at"]) == (3, "2026-11-10T00:00:00Z")


async def test_days_are_those_of_the_zone(client: httpx2.AsyncClient) -> None:
    """Ten in the evening in London is past midnight in Istanbul."""
    found = await days(client, zone="Europe/Istanbul", to="2d")
    assert [[post["id"] for post in day["posts"]] for day in found[:2]] == [["out", "failed"], ["planned", "tomorrow"]]
    assert found[0]["begins_at"] == "2026-11-09T21:00:00Z"


async def test_filters_are_those_of_posts_and_a_day_shows_no_more_than_asked(client: httpx2.AsyncClient) -> None:
    assert [post["id"] for post in (await days(client, platform="Instagram"))[0]["posts"]] == ["failed"]
    assert [day["number"] for day in await days(client, state="scheduled", to="2d")][:2] == [1, 1]
    (first, *_) = await days(client, limit=1)
    assert (first["number"], len(first["posts"])) == (3, 1)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"zone": "Mars/Base"}, "zone"),
        ({"from": "2026-11-10", "to": "2026-11-10"}, "from"),
        ({"from": "2026-11-10", "to": "2027-11-10"}, "to"),
        ({"from": "0001-01-01", "zone": "Asia/Tokyo"}, "from"),
        ({"from": "0001-01-01T00:00:00Z", "zone": "America/New_York"}, "from"),
        ({"to": "9999-12-31", "from": "9999-12-30", "zone": "Asia/Tokyo"}, "from"),
        ({"form": "2026-11-10"}, "form"),
        ({"provider": "nobody"}, "provider"),
        ({"limit": "0"}, "limit"),
    ],
)
async def test_what_cannot_be_answered_is_named(
    client: httpx2.AsyncClient, asked: dict[str, str], parameter: str
) -> None:
    answer = await client.get("/api/v1/calendar", params=asked)
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


async def test_the_feed_has_an_event_for_each_post_of_a_month_back_and_ahead(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/calendar.ics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    text = answer.text
    assert text.count("BEGIN:VEVENT\r\n") == text.count("END:VEVENT\r\n") == 4
    assert "SUMMARY:scheduled: tomorrow\r\n" in text
    assert "DTSTART:20261111T120000Z\r\n" in text
    one = await client.get("/api/v1/calendar.ics", params={"state": "failed"})
    assert one.text.count("BEGIN:VEVENT") == 1
    assert (await client.get("/api/v1/calendar.ics", headers={"Authorization": ""})).status_code == 401
