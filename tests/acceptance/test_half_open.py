"""A network that forgets its connections and says nothing: everybody goes on over new ones, within ten seconds."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
import time
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.acceptance.sink import a_sink
from tests.acceptance.tcp_proxy import a_proxy
from tests.waiting import until
from tracker.store.database import Database
from tracker.store.wakeups import EVENTS, Wakeups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.acceptance.tcp_proxy import Proxy

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_test"
BACK = 10.0
SLOWEST_REFUSAL = 12.0
PATIENCE = 60.0
STEPS = {
    "projected": "select post from posts where post = any($1)",
    "acted": "select post from actions where state = 'done' and post = any($1)",
}
SCHEDULED = "select max(fire_at) from fires where schedule = 'deadman'"
JOBS = '\n[jobs.deadman]\nevery = "1s"\n'


class Sender:
    """Posts a webhook every so often, and keeps what was answered, and after how long."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/webhooks/sosyalkopru"
        self._numbers = itertools.count()
        self._client = plain_http.client(timeout=PATIENCE)
        self.taken: dict[str, float] = {}
        """When each post was acknowledged that was sent."""
        self.refused: list[float] = []
        """The seconds that each refusal took."""

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        async with self._client, asyncio.TaskGroup() as under_way:
            pacing = under_way.create_task(self._pace(under_way))
            try:
                yield
            finally:
                pacing.cancel()

    async def _pace(self, under_way: asyncio.TaskGroup) -> None:
        while True:
            under_way.create_task(self._send(next(self._numbers)))
            await asyncio.sleep(0.05)

    async def _send(self, number: int) -> None:
        data = {"postId": f"p{number}", "status": "PUBLISHED", "platforms": []}
        body = json.dumps({"event": "post.published", "timestamp": "2026-11-10T12:00:00Z", "data": data}).encode()
        signature = hmac.new(SECRET.encode(), body, sha256).hexdigest()
        headers = {"x-sosyalkopru-signature": f"sha256={signature}", "x-sosyalkopru-delivery": f"d{number}"}
        began = time.monotonic()
        answer = await self._client.post(self._url, content=body, headers=headers)
        if answer.status_code == 200:
            self.taken[f"p{number}"] = began
        else:
            self.refused.append(time.monotonic() - began)

    def since(self, moment: float) -> set[str]:
        """The posts that were sent after that moment, and acknowledged."""
        return {post for post, sent in self.taken.items() if sent > moment}


async def _until(what: str, reached: Callable[[], Awaitable[bool]]) -> float:
    """When it is reached; fails when it is not for long."""
    await until(reached, lambda: f"{what}; {reached}", PATIENCE)
    return time.monotonic()


@pytest.mark.parametrize("is_down_first", [False, True], ids=["forgotten at once", "down, and then forgotten"])
async def test_after_a_half_open_network_everything_goes_on(
    tmp_path: Path, database_url: str, is_down_first: bool
) -> None:
    async with a_sink(fails=10**9) as sink, a_proxy(database_url) as proxy:
        service = Service(
            tmp_path, free_port(), dsn=proxy.dsn, lease="15s", provider="http://127.0.0.1:9", secret=SECRET,
            sink=sink.url,
        )  # fmt: skip
        config = tmp_path / "config.toml"
        config.write_text(config.read_text() + JOBS)
        service.start()
        try:
            await service.ready()
            sender = Sender(service.port)
            async with Database.open(database_url, size=2) as database, sender.sending():
                usual = _Progress(database, sender, 0.0)
                await _until("usual work", usual.is_complete)
                returned = await _lose_network(proxy, sender, is_down_first)
                anew = _Progress(database, sender, returned)
                await _until("work after the loss", anew.is_complete)
            assert max(anew.reached.values()) < BACK, (anew.reached, service.log_end())
            assert max(sender.refused, default=0.0) < SLOWEST_REFUSAL
            assert sender.refused
        finally:
            service.kill()


async def _lose_network(proxy: Proxy, sender: Sender, is_down_first: bool) -> float:
    """When the network is back, on new connections alone."""
    if is_down_first:
        proxy.go_down()

        async def refuses() -> bool:
            return len(sender.refused) > 1 and max(sender.refused) - min(sender.refused) > 1

        await _until("refusals while the network is down", refuses)
        proxy.come_back()
    else:
        proxy.forget()
    return time.monotonic()


class _Progress:
    """What has been reached of all that is to go on after a moment."""

    def __init__(self, database: Database, sender: Sender, moment: float) -> None:
        self._database, self._sender, self._moment = database, sender, moment
        self._last: object = None
        self.reached: dict[str, float] = {}

    async def is_complete(self) -> bool:
        if posts := sorted(self._sender.since(self._moment)):
            self._note("acknowledged")
        async with self._database.connection() as conn:
            for step, query in STEPS.items():
                if await conn.fetch(query, posts):
                    self._note(step)
            taken = await conn.fetchval(SCHEDULED)
        if self._last and taken and taken != self._last:
            self._note("scheduled")
        self._last = self._last or taken
        return len(self.reached) == 4

    def __repr__(self) -> str:
        return f"reached: {self.reached}"

    def _note(self, step: str) -> None:
        self.reached.setdefault(step, time.monotonic() - self._moment)


async def test_a_listener_notices_that_nothing_can_come_any_more(database_url: str) -> None:
    async with (
        a_proxy(database_url) as proxy,
        Wakeups(proxy.dsn).listening() as wakeups,
        wakeups.on(EVENTS) as woken,
        Database.open(database_url, size=2) as database,
    ):

        async def is_heard() -> bool:
            async with database.connection() as conn:
                await conn.execute(f"notify {EVENTS}")
            await asyncio.sleep(0.05)
            return woken.is_set()

        await _until("a notification", is_heard)
        proxy.forget()
        await asyncio.sleep(0)
        woken.clear()
        began = time.monotonic()
        assert await _until("a notification after the loss", is_heard) - began < BACK
