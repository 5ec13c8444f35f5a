"""kill -9, and a new process works at once: who is dead is known, and no lease has to end first.

The lease is ten minutes here, so that nothing else than the knowledge of a death brings the work back in time.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.contract.command_line import said
from tests.waiting import until
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_test"
SENDS = "select post, state from actions where verb = 'send' order by post"
UNREAD = "select name, owner from shares where owner is null or owner not in (select node from processes)"
ATTEMPTS = "select t.outcome from action_attempts t join actions a on a.id = t.action where a.post = 'p1' order by 1"


class Far:
    """Another system, which does not answer before it is allowed to."""

    def __init__(self) -> None:
        self.asked, self.answers, self.url = asyncio.Event(), asyncio.Event(), ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, and no second on the same connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked.set()
            await self.answers.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def a_far_end() -> AsyncIterator[Far]:
    far = Far()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    far.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    try:
        yield far
    finally:
        far.answers.set()
        server.close()


async def deliver(service: Service, post: str) -> None:
    """A signed webhook, until it is taken."""
    body = said("post.published", post, 0)
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    async def taken() -> bool:
        with suppress(httpx2.TransportError):
            headers = {"X-SosyalKopru-Signature": signature}
            answer = await client.post(f"{service.url}/webhooks/sosyalkopru", content=body, headers=headers)
            return answer.is_success
        return False

    async with plain_http.client(timeout=10) as client:
        await until(taken, service.log_end, 120)


@pytest.mark.parametrize("embedded", [False, True], ids=["its own Postgres", "the embedded Postgres"])
async def test_after_a_kill_facts_are_projected_and_actions_done_before_any_lease_ends(
    tmp_path: Path, *, embedded: bool
) -> None:
    outside = EmbeddedPostgres(tmp_path / "postgres")
    dsn = "" if embedded else outside.start()
    async with a_far_end() as far:
        service = Service(
            tmp_path / "s", free_port(), dsn=dsn, lease="10m", provider="http://127.0.0.1:9", secret=SECRET,
            sink=far.url,
        )  # fmt: skip
        service.start()
        await service.ready()
        await deliver(service, "p1")
        await far.asked.wait()
        service.kill()
        far.answers.set()
        service.start()
        await deliver(service, "p2")
        await service.ready()
        dsn = dsn or EmbeddedPostgres(tmp_path / "s" / ".tracker" / "postgres").dsn
        async with Database.open(dsn, size=2) as database, database.connection() as conn:

            async def done() -> bool:
                return [tuple(row) for row in await conn.fetch(SENDS)] == [("p1", "done"), ("p2", "done")]

            assert not await conn.fetch(UNREAD), "ready, and yet somebody dead reads"
            await until(done, service.log_end, 120)
            assert [row["outcome"] for row in await conn.fetch(ATTEMPTS)] == ["done", "lost"]
        assert service.stop() == 0
    outside.stop()
