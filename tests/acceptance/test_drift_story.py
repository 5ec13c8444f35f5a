"""A provider renames a status and drops a field in mid-stream: who says so, how it is mapped, and what that mends."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html import unescape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.waiting import until
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.simulator import Odds, Simulator, run_simulator
from tracker.simulator.dialects import DIALECTS, Happened, WebhookBody
from tracker.store import keys
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.anyio

SOSYALKOPRU = DIALECTS["sosyalkopru"]
SECRET = "whsec_of_the_simulated_provider"
JOBS = '\n[jobs.drift]\nevery = "1s"\n'
RULES = """
[rule.drifted]
on  = "provider.drifted"
per = "provider"
do  = [{ alert = "ops", title = "what {{ post.provider }} sends has changed" }]
"""
MAPPED = """
[providers.sosyalkopru.statuses]
LIVE = "published"

[providers.sosyalkopru.fields]
target_url = "url|platformPostUrl"
"""
BEFORE, AFTER = 60, 35


class Provider:
    """Says PUBLISHED, where, and when; and from some moment on LIVE, where in another field, and when no more."""

    def __init__(self) -> None:
        self.changed, self.timed = False, True

    def tell(self, happened: Happened) -> Sequence[WebhookBody]:
        return [replace(said, body=self._said(said.body)) for said in SOSYALKOPRU.tell(happened)]

    def _said(self, body: bytes) -> bytes:
        if not self.changed:
            return body
        told = json.loads(body.replace(b'"PUBLISHED"', b'"LIVE"'))
        for platform in told["data"]["platforms"]:
            platform["url"] = platform.pop("platformPostUrl")
        if not self.timed and told["event"] == "post.published":
            del told["timestamp"]
        return json.dumps(told).encode()


class Run:
    """Everything that the story is played with."""

    def __init__(self, service: Service, simulator: Simulator, database: Database) -> None:
        self.service, self.simulator, self.database = service, simulator, database

    async def publish(self, number: int) -> list[str]:
        """So many posts, until all that is told of them is in the log and folded."""
        posts = [self.simulator.create(["x"], "#publish") for _ in range(number)]
        told = "select count(distinct post) = $2 from transitions where post = any($1) and after = 'published'"
        await self.until(f"{number} posts are told of", told, posts, number)
        return posts

    async def until(self, what: str, query: str, *values: object) -> None:
        async def is_true() -> bool:
            async with self.database.connection() as conn:
                return bool(await conn.fetchval(query, *values))

        await until(is_true, lambda: f"{what}\n{self.service.log_end()}", 120)

    async def states(self, posts: Sequence[str]) -> set[str]:
        query = "select distinct state from posts p join projections v on v.version = p.projection and v.current"
        async with self.database.connection() as conn:
            return {row["state"] for row in await conn.fetch(f"{query} where post = any($1)", posts)}

    async def tracker(self, *words: str) -> str:
        """What a command answers."""
        command = [sys.executable, "-m", "tracker", *words]
        ran = await asyncio.to_thread(
            partial(subprocess.run, command, cwd=self.service.folder, capture_output=True, text=True, check=False)
        )
        print(f"\n$ tracker {' '.join(words)}\n{ran.stdout}{ran.stderr}")  # noqa: T201  (for who runs it with -s)
        return ran.stdout

    async def page(self, path: str, **headers: str) -> Any:
        async with plain_http.client(timeout=20) as client:
            answer = await client.get(f"{self.service.url}{path}", headers=headers)
            assert answer.is_success, answer.text
            return answer


class Opened(Service):
    """Its dashboard needs no key here."""

    environment = MappingProxyType({"TRACKER_SERVER__OPEN_DASHBOARD": "true"})


async def test_a_provider_renames_a_status_and_drops_a_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider()
    monkeypatch.setitem(DIALECTS, "changing", replace(SOSYALKOPRU, tell=provider.tell))
    server = EmbeddedPostgres(tmp_path / "postgres")
    simulated = run_simulator(seed=3, speed=120, odds=Odds(fails=0.0, slow=0.0), dialect="changing")
    async with simulated as simulator:
        service = Opened(
            tmp_path / "service", free_port(), dsn=server.start(), lease="2s", provider=simulator.url, secret=SECRET,
            sink="http://127.0.0.1:9/",
        )  # fmt: skip
        config = service.folder / "config.toml"
        original = config.read_text() + JOBS
        config.write_text(original)
        (service.folder / "rules" / "all.toml").write_text(RULES)
        simulator.register(f"{service.url}/webhooks/sosyalkopru", secret=SECRET)
        service.start()
        await service.ready()
        try:
            async with Database.open(server.dsn) as database:
                await _story(Run(service, simulator, database), provider, original)
        finally:
            service.kill()
            server.stop()


async def _story(run: Run, provider: Provider, original: str) -> None:
    config = run.service.folder / "config.toml"
    assert await run.states(await run.publish(BEFORE)) == {"published"}
    await run.until("the usual is learnt", "select read_at > $1 from shapes_read", datetime.now(UTC))
    assert "platformPostUrl" in await run.tracker("providers", "shapes", "sosyalkopru", "--event", "post.published")

    provider.changed, provider.timed = True, False
    touched = await run.publish(AFTER)
    assert await run.states(touched) == {"published"}, "the event's name says so, whatever the status is called"
    found = "select count(*) = 3 from drifts where ended_at is null and event = 'post.published'"
    await run.until("it is noticed", found)

    doctor = await run.tracker("doctor")
    for said in (
        'a new status "LIVE" at data.status of post.published, which nothing maps',
        "data.platforms[].platformPostUrl of post.published (target_url) stands there no more; data.platforms[].url is",
        "timestamp of post.published (occurred_at) stands there no more",
        "[providers.sosyalkopru.statuses]",
        'LIVE = "published"  # a guess',
        'target_url = "url|platformPostUrl"  # a guess',
    ):
        assert said in doctor, said
    text = unescape(re.sub(r"<[^>]*>", "", (await run.page("/health")).text))
    print("\nHealth:", " ".join(text.partition("Needs attention")[2].split())[:4000])  # noqa: T201  (as above)
    assert "sosyalkopru says LIVE at data.status of post.published: a new status that nothing maps." in text
    assert any(post in text for post in touched)
    async with run.database.connection() as conn:
        _, key = await keys.create(conn, "test", ["read"], datetime.now(UTC))
        titles = await conn.fetch("select payload->>'title' as title from actions where rule = 'drifted'")
    drifts = (await run.page("/api/v1/drifts?state=open", authorization=f"Bearer {key}")).json()["items"]
    assert {one["drift"] for one in drifts} == {"status", "vanished"}
    assert all(set(one["posts"]) <= set(touched) for one in drifts)
    print("\nalerts:", [row["title"] for row in titles])  # noqa: T201  (as above)
    assert {row["title"] for row in titles} == {"what sosyalkopru sends has changed"}
    facts = "select count(*) = (select sum(times) from drifts) from events where kind = 'provider.drifted'"
    await run.until("each is a fact once", facts)

    (run.service.folder / "mapped.toml").write_text(original + MAPPED)
    trial = await run.tracker("providers", "trial", "sosyalkopru", "--since", "1d", "--config", "mapped.toml")
    assert trial.splitlines()[0] == f"{BEFORE} posts as now, {AFTER} otherwise"
    assert "url" in trial

    config.write_text(original + MAPPED)
    assert run.service.stop() == 0
    run.service.start()
    await run.service.ready()
    left = "select count(*) = 0 from drifts where ended_at is null and not (drift = 'vanished' and path = 'timestamp')"
    await run.until("what is mapped is no drift", left)
    await run.tracker("log", "rebuild")
    assert await run.states(touched) == {"published"}
    provider.timed = True
    assert await run.states(await run.publish(AFTER)) == {"published"}
    await run.until("the drift is over", "select count(*) = 0 from drifts where ended_at is null")
    assert "what providers send looks as it usually does" in await run.tracker("doctor")
