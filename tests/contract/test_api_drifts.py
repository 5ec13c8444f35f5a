"""What has changed in what providers send, by the API: lists, filters, pages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import bearer, serving
from tests.integration.told import NOON, PROVIDER
from tracker.api import Parts, application
from tracker.domain.drift.findings import Drift, Finding
from tracker.store.drift import drifts
from tracker.store.drift.drifts import Examples

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FINDINGS = (
    Finding(Drift.STATUS, "post.published", "data.status", "LIVE", "status"),
    Finding(Drift.VANISHED, "post.published", "timestamp", "", "occurred_at", "string", "at"),
    Finding(Drift.TYPE, "post.failed", "data.postId", "number", "post", "string"),
    Finding(Drift.FIELD, "post.failed", "data.extra", "object"),
    Finding(Drift.EVENT, "post.shared", found="post.shared"),
)


async def furnish(database: Database) -> None:
    """Each sort of finding, a minute apart, the last of which is over."""
    async with database.transaction() as conn:
        for minutes, finding in enumerate(FINDINGS):
            at = NOON + timedelta(minutes=minutes)
            said = {"remedy": f"[x]\nn = {minutes}", "example": {"data": {"status": "LIVE"}}}
            await drifts.begin(conn, PROVIDER, finding, at, Examples(3, ["p1", "p2"], at), said)
        await drifts.end(conn, PROVIDER, FINDINGS[-1], NOON + timedelta(hours=1))


async def test_they_are_listed_the_newest_first_and_by_state(database: Database) -> None:
    await furnish(database)
    read = await bearer(database, "read")
    async with serving(application(Parts(database, lambda: NOON, None))) as client:
        client.headers.update(read)

        async def listed(**parameters: Any) -> list[dict[str, Any]]:
            answer = await client.get("/api/v1/drifts", params=parameters)
            assert answer.status_code == 200, answer.text
            return list(answer.json()["items"])

        everything = await listed()
        assert [one["drift"] for one in everything] == ["event", "field", "type", "vanished", "status"]
        assert everything == await listed(state=["open", "ended"])
        assert [one["drift"] for one in await listed(state="ended")] == ["event"]
        assert len(await listed(state="open", provider=PROVIDER)) == 4
        assert await listed(provider="other") == []
        assert [one["says"] for one in everything] == [
            'a new event "post.shared", which nothing maps',
            "a new field data.extra (object) of post.failed, beside what is read",
            "data.postId of post.failed (post) is now number, and was string",
            "timestamp of post.published (occurred_at) stands there no more; at is new beside it",
            'a new status "LIVE" at data.status of post.published, which nothing maps',
        ]
        first = (await client.get("/api/v1/drifts", params={"limit": 2})).json()
        rest = await listed(cursor=first["next"])
        assert first["items"] + rest == everything
        assert (everything[-1]["posts"], everything[-1]["events"]) == (["p1", "p2"], 3)
        wrong = await client.get("/api/v1/drifts", params={"state": "opne"})
        assert (wrong.status_code, wrong.json()["parameter"]) == (400, "state")
