"""`/stats`: where posts stand, how they end, how long they take, and what webhooks did not tell."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

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


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served API, and a client with a key that may read."""
    async with serving(application(Parts(database, lambda: NOW, None, providers=(PROVIDER,)))) as client:
        client.headers |= await bearer(database, "read")
        yield client


async def stats(client: httpx2.AsyncClient, **span: str) -> Any:
    answer = await client.get("/api/v1/stats", params=span)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def a_few_posts(database: Database) -> None:
    await project(
        database,
        told("p1", "scheduled", 1),
        told("p2", "publishing", 2, targets={"instagram": "publishing", "x": "published"}),
        told("p3", "failed", 3, targets={"instagram": "failed"}),
        told("p4", "published", 4),
        told("p5", "published", 5),
    )


async def test_posts_are_counted_by_state_and_their_targets_by_platform(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await a_few_posts(database)
    found = await stats(client)
    assert (found["posts"], found["states"]) == (5, {"failed": 1, "published": 2, "publishing": 1, "scheduled": 1})
    assert found["platforms"] == [
        {"platform": "instagram", "targets": 2, "states": {"failed": 1, "publishing": 1}},
        {"platform": "x", "targets": 1, "states": {"published": 1}},
    ]
    assert (found["published"], found["failed"], found["failure_rate"]) == (2, 1, pytest.approx(1 / 3))


async def test_accounts_are_counted_the_largest_first(client: httpx2.AsyncClient, database: Database) -> None:
    await a_few_posts(database)
    async with database.connection() as conn:
        await conn.execute(
            "update posts set fold = jsonb_set(fold::jsonb, '{targets}', $1) where post = any($2::text[])",
            {"x:a": {"platform": "x", "account": "a", "state": "failed"}}, ["p4", "p5"],
        )  # fmt: skip
        await conn.execute(
            "update posts set fold = jsonb_set(fold::jsonb, '{targets}', $1) where post = 'p3'",
            {"x:b": {"platform": "x", "account": "b", "state": "published"}},
        )
    assert [(one["account"], one["targets"], one["states"]) for one in (await stats(client))["accounts"]] == [
        ("a", 2, {"failed": 2}), ("b", 1, {"published": 1}),
    ]  # fmt: skip


async def test_only_posts_heard_of_within_the_span_count(client: httpx2.AsyncClient, database: Database) -> None:
    await a_few_posts(database)
    found = await stats(client, since="2026-11-10T12:00:03Z", until="2026-11-10T12:00:05Z")
    assert (found["posts"], found["published"], found["failed"]) == (5, 1, 1)
    assert (await stats(client, until="2026-11-10T12:00:03Z"))["failure_rate"] is None


async def test_latency_is_from_scheduled_to_published(client: httpx2.AsyncClient, database: Database) -> None:
    await a_few_posts(database)
    async with database.connection() as conn:
        await conn.execute("update posts set scheduled_at = published_at - interval '10 seconds' where post = 'p4'")
        await conn.execute("update posts set scheduled_at = published_at - interval '20 seconds' where post = 'p5'")
    assert (await stats(client))["latency"] == {"posts": 2, "p50": 15.0, "p90": 19.0, "p99": pytest.approx(19.9)}


async def test_without_posts_there_is_nothing_to_divide(client: httpx2.AsyncClient) -> None:
    found = await stats(client)
    assert (found["posts"], found["failure_rate"], found["missed_by_webhook"]) == (0, None, 0)
    assert found["latency"] == {"posts": 0, "p50": None, "p90": None, "p99": None}


async def test_what_was_learned_only_by_asking_is_counted_by_post(
    client: httpx2.AsyncClient, database: Database
) -> None:
    """Not what a webhook told afterwards, and not what was found at another time."""
    findings = [("p1", 0, None), ("p1", 1, None), ("p2", 2, NOON), ("p3", 3, None), ("p4", -900, None)]
    async with database.connection() as conn:
        for position, (post, minute, told_at) in enumerate(findings):
            await conn.execute(
                "insert into findings values ($1, $2, $3, $4, null, $5, $6)",
                position, PROVIDER, post, uuid4(), NOON + timedelta(minutes=minute), told_at,
            )  # fmt: skip
    found = await stats(client, since="2026-11-10T12:00:00Z")
    assert (found["missed_by_webhook"], found["missed_by_provider"]) == (2, {PROVIDER: 2})


async def test_a_span_that_ends_before_it_begins_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/stats?since=2026-11-10T12:00:00Z&until=2026-11-10T11:00:00Z")
    assert (answer.status_code, answer.json()["parameter"]) == (400, "since")
