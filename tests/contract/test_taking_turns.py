"""For whom nothing speaks waits for a turn: who was refused before, and who has shown no key; nobody else does."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import bearer, serving
from tests.contract.test_door import DOOR, a_receiver, body, kept, signed
from tests.integration.told import NOON
from tracker.api.application import Parts, application
from tracker.api.webhooks import Directly
from tracker.runtime.http_server import Bounds, Front, Limits, Proxies
from tracker.runtime.http_server.turns import PAUSE, Turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.runtime.http_server.turns import Waiting
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

FORGED = {"X-SosyalKopru-Signature": f"sha256={'0' * 64}"}
POSTS = "/api/v1/posts"
MEBIBYTE = 2**20


class Counted(Turns):
    """Turns that say how many requests have waited for one."""

    asked = 0

    def wait(self, one: Waiting, pause: float = PAUSE) -> None:
        self.asked += 1
        super().wait(one, pause)


@asynccontextmanager
async def served(database: Database, turns: Turns, *proxies: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Door and API; the client's requests follow each other on one connection."""
    receiver, bounds = a_receiver(database), Bounds(Limits())
    bounds.turns = turns
    front = Front(bounds, Proxies.named(proxies), Directly(receiver, MEBIBYTE))
    writing = asyncio.create_task(receiver.run())
    try:
        async with serving(application(Parts(database, lambda: NOON, receiver)), front) as client:
            yield client
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


async def test_deliveries_wait_for_no_turn_until_one_is_refused(database: Database) -> None:
    turns = Counted()
    async with served(database, turns) as client:
        for number in range(3):
            content = body(post=f"p{number}")
            assert (await client.post(DOOR, content=content, headers=signed(content, f"d{number}"))).status_code == 200
        assert (await client.post(DOOR, content=body(), headers=FORGED)).status_code == 401
        assert turns.asked == 0
        assert (await client.post(DOOR, content=body(), headers=FORGED)).status_code == 401
        assert (await client.post(DOOR, content=body(), headers=signed(body(), "last"))).status_code == 200
        assert turns.asked == 2
        content = body(post="p4")
        assert (await client.post(DOOR, content=content, headers=signed(content, "one more"))).status_code == 200
        assert turns.asked == 2
    assert len(await kept(database)) == 5


async def test_a_proxy_is_not_made_to_wait_for_what_others_sent_through_it(database: Database) -> None:
    turns = Counted()
    async with served(database, turns, "127.0.0.1") as client:
        for _ in range(3):
            assert (await client.post(DOOR, content=body(), headers=FORGED)).status_code == 401
    assert turns.asked == 0


async def test_who_has_shown_a_key_waits_no_longer(database: Database) -> None:
    turns, key = Counted(), await bearer(database, "read")
    async with served(database, turns) as client:
        assert [(await client.get(POSTS)).status_code for _ in range(2)] == [401, 401]
        assert turns.asked == 2
        assert [(await client.get(POSTS, headers=key)).status_code for _ in range(3)] == [200] * 3
        assert turns.asked == 3


async def test_a_large_body_comes_whole_also_from_who_has_to_wait(database: Database) -> None:
    large = body(padding="x" * (MEBIBYTE // 2))
    async with served(database, Counted()) as client:
        assert (await client.post(DOOR, content=body(), headers=FORGED)).status_code == 401
        assert (await client.post(DOOR, content=large, headers=signed(large))).status_code == 200
    assert await kept(database) == [large]
