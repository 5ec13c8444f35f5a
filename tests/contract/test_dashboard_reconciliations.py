"""Reconciliation in the dashboard: what webhooks missed, the rounds with what each found, and asking now."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from tests.contract.dashboard import NOW, dashboard, sign_in
from tests.integration.told import PROVIDER
from tracker.queries.reconciliations import list_reconciliations
from tracker.store.calls import reconciliations
from tracker.store.posts import overdue_posts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
POST = '"><script>alert(1)</script>'


@pytest.fixture
async def visitor(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody who may operate, where two providers are configured."""
    async with dashboard(database, parts={"providers": (PROVIDER, "other")}) as client:
        await sign_in(client, database, "operate")
        yield client


async def done(database: Database, minutes: float, *posts: str, stopped: str | None = None) -> UUID:
    """A round of so many minutes ago, which learned of these posts what no webhook had told."""
    at = NOW - minutes * MINUTE
    async with database.transaction() as conn:
        await reconciliations.want(conn, "reconcile", PROVIDER, at)
        round_ = await reconciliations.claim(conn, at, MINUTE, [PROVIDER])
        assert round_
        counts = reconciliations.Counts(2, 50, 7, 1, len(posts) + 1, 1)
        await reconciliations.count(conn, round_, counts, MINUTE)
        findings: list[tuple[int, str, datetime | None]] = [
            (int(minutes * 100) + number, post, at - MINUTE if number else None) for number, post in enumerate(posts)
        ]
        await overdue_posts.found(conn, PROVIDER, round_.id, at, findings)
        await reconciliations.end(conn, round_, stopped, at)
    return round_.id


async def test_rounds_are_listed_with_what_each_came_to(visitor: httpx2.AsyncClient, database: Database) -> None:
    await done(database, 30, stopped="rate_limited")
    for minutes in range(51):
        await done(database, 29 - minutes / 10, "p1", POST)
    page = (await visitor.get("/reconciliations")).text
    assert "listed 50, asked about 7" in page
    assert "learned: 3" in page
    assert "conflicts: 1" in page
    assert POST not in page
    (older,) = re.findall(r'rel="next" href="([^"]*)"', page)
    page = (await visitor.get(older)).text
    assert "too many requests" in page
    for query, number in {
        "state=waiting": 0,
        "provider=other": 0,
        f"provider={PROVIDER}&state=done,running": 50,
    }.items():
        page = (await visitor.get(f"/reconciliations?{query}")).text
        assert page.count('href="/reconciliations/') == number, query
    for query in ("state=don", "cursor=bm8", "provider=a%00"):
        assert (await visitor.get(f"/reconciliations?{query}")).status_code == 400


async def test_what_webhooks_missed_is_counted_by_provider_until_they_tell_it(
    visitor: httpx2.AsyncClient, database: Database
) -> None:
    round_ = await done(database, 10, "p1", POST, "p3")
    await done(database, 60 * 24 * 31, "long-ago")
    await done(database, 5, "p1")
    figures = re.compile(r'tile state-(\w+)"><b>(\d+)</b>.*?facts: (\d+)', re.DOTALL)
    assert figures.findall((await visitor.get("/reconciliations")).text) == [
        ("published", "0", "0"),
        ("partial", "3", "4"),
    ]
    async with database.transaction() as conn:
        await overdue_posts.mark_reported(conn, [1002], NOW)
    assert figures.findall((await visitor.get("/reconciliations")).text)[1] == ("partial", "2", "3")
    page = (await visitor.get(f"/reconciliations/{round_}")).text
    assert re.findall(r'href="/posts/([^?"]*)', page) == ["%22%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E", "p1"]
    assert page.count("never heard of before") == 1
    assert POST not in page
    assert (await visitor.get(f"/reconciliations/{uuid4()}")).status_code == 404


async def test_providers_are_asked_now_by_who_may(visitor: httpx2.AsyncClient, database: Database) -> None:
    for form, said in {
        (("provider", "nobody"),): "is not known",
        (("since", "tomorrow"),): "is not a time with a zone",
        (("since", "800d"),): "of the last 365 days",
    }.items():
        refused = await visitor.post("/reconciliations", data=dict(form))
        assert refused.status_code == 400
        assert said in refused.text
        assert all(f'value="{value}"' in refused.text for _, value in form)
    await sign_in(visitor, database, "read")
    assert 'method="post" action="/reconciliations"' not in (await visitor.get("/reconciliations")).text
    assert (await visitor.post("/reconciliations")).status_code == 403
    await sign_in(visitor, database, "operate")
    assert "Nobody was asked yet" in (await visitor.get("/reconciliations")).text
    answer = await visitor.post("/reconciliations", data={"provider": "", "since": "24h"})
    assert "The question is on its way" in (await visitor.get(answer.headers["Location"])).text
    async with database.connection() as conn:
        rounds = (await list_reconciliations(conn)).items
    assert {(asked.provider, asked.job, asked.wanted_by, asked.since) for asked in rounds} == {
        (name, "by hand", "test operate", NOW - timedelta(days=1)) for name in (PROVIDER, "other")
    }
