"""Reconciliations over the API: asked for, listed, and refused where nobody could be asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.told import NOON, PROVIDER
from tracker.api import Parts, application
from tracker.store.calls import reconciliations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

PATH = "/api/v1/reconciliations"
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    app = application(Parts(database, lambda: NOON, None, providers=(PROVIDER, "other")))
    async with serving(app) as client:
        client.headers |= await bearer(database, "operate")
        yield client


async def done(database: Database, minute: float, stopped: str | None = None) -> None:
    """A round of that time, which found something."""
    now = NOON - minute * MINUTE
    async with database.transaction() as conn:
        row = await reconciliations.want(conn, "reconcile", PROVIDER, now)
        round_ = await reconciliations.claim(conn, now, MINUTE, [PROVIDER])
        assert row
        assert round_
        await reconciliations.count(conn, round_, reconciliations.Counts(2, 5, 1, 1, 3, 1), MINUTE)
        await reconciliations.end(conn, round_, stopped, now)


async def test_they_are_listed_in_pages_the_newest_first(client: httpx2.AsyncClient, database: Database) -> None:
    for minute in (30, 20, 10):
        await done(database, minute, "rate_limited" if minute == 20 else None)
    page = (await client.get(PATH, params={"limit": 2})).json()
    rest = (await client.get(PATH, params={"limit": 2, "cursor": page["next"]})).json()
    items = [*page["items"], *rest["items"]]
    assert [item["wanted_at"][11:16] for item in items] == ["11:50", "11:40", "11:30"]
    assert [item["stopped"] for item in items] == [None, "rate_limited", None]
    assert rest["next"] is None
    one = (await client.get(f"{PATH}/{items[0]['id']}")).json()
    assert one == items[0]
    counts = [one[name] for name in ("calls", "listed", "asked", "missing", "appended", "conflicts")]
    assert counts == [2, 5, 1, 1, 3, 1]


async def test_asking_now_wants_a_round_of_every_provider_or_of_the_one_that_is_named(
    client: httpx2.AsyncClient,
) -> None:
    every = await client.post(PATH, json={})
    assert every.status_code == 202
    assert [item["provider"] for item in every.json()["items"]] == ["other", PROVIDER]
    (item,) = (await client.post(PATH, json={"provider": PROVIDER, "since": "24h"})).json()["items"]
    assert (item["state"], item["job"], item["wanted_by"]) == ("waiting", "by hand", "test operate")
    assert item["since"].startswith("2026-11-09T12:00")
    waiting = (await client.get(PATH, params={"state": "waiting", "provider": PROVIDER})).json()["items"]
    assert len(waiting) == 2


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"provider": "sosyalkopr"}, "provider"),
        ({"since": "tomorrow"}, "since"),
        ({"since": "2026-11-11T00:00:00Z"}, "since"),
        ({"since": "800d"}, "since"),
    ],
)
async def test_what_cannot_be_asked_is_named(client: httpx2.AsyncClient, body: dict[str, Any], parameter: str) -> None:
    refused = await client.post(PATH, json=body)
    assert (refused.status_code, refused.json()["parameter"]) == (400, parameter)
    assert (await client.get(PATH)).json()["items"] == []


async def test_reading_keys_may_look_and_not_ask(client: httpx2.AsyncClient, database: Database) -> None:
    client.headers |= await bearer(database, "read")
    assert (await client.get(PATH)).status_code == 200
    assert (await client.post(PATH, json={})).status_code == 403
    assert (await client.get(f"{PATH}/00000000-0000-0000-0000-000000000000")).status_code == 404
