"""Far more at once than may wait: memory stays bounded, the rest is asked to come again, and nothing taken is lost."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.acceptance.service import Service, free_port
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_test"
MOST, SENDERS = 50, 500
PADDING = "x" * 2000
GROWTH = 60 * 2**20


def webhook(number: int) -> tuple[str, bytes]:
    """The delivery's id, and the request as it goes over the wire."""
    data = {"postId": f"p{number}", "status": "PUBLISHED", "platforms": [], "padding": PADDING}
    body = json.dumps({"event": "post.published", "timestamp": "2026-11-10T12:00:00Z", "data": data}).encode()
    signature = hmac.new(SECRET.encode(), body, sha256).hexdigest()
    head = (
        f"POST /webhooks/sosyalkopru HTTP/1.1\r\nhost: tracker\r\ncontent-length: {len(body)}\r\n"
        f"x-sosyalkopru-signature: sha256={signature}\r\nx-sosyalkopru-delivery: d{number}\r\n\r\n"
    )
    return f"d{number}", head.encode() + body


class Crowd:
    """Many who send one webhook after another, whatever they are answered."""

    def __init__(self, port: int) -> None:
        self._port, self._numbers = port, itertools.count()
        self.answers, self.taken = Counter[int](), set[str]()
        self.refused = asyncio.Event()
        self.unkind = 0
        """Refusals that do not say when to come again."""

    async def send(self, senders: int, each: int) -> float:
        """Seconds that it took them all."""
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._one(each) for _ in range(senders)))
        return asyncio.get_running_loop().time() - began

    async def _one(self, each: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for _ in range(each):
            delivery, sent = webhook(next(self._numbers))
            writer.write(sent)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            self._answered(delivery, int(head[9:12]), head.lower())
        writer.close()

    def _answered(self, delivery: str, status: int, head: bytes) -> None:
        self.answers[status] += 1
        if status == 200:
            self.taken.add(delivery)
            return
        self.refused.set()
        self.unkind += b"\r\nretry-after: " not in head


async def test_a_burst_is_refused_in_part_and_nothing_that_was_taken_is_lost(tmp_path: Path, database_url: str) -> None:
    service = Service(
        tmp_path, free_port(), dsn=database_url, lease="2s", provider="http://127.0.0.1:9", secret=SECRET,
        sink="http://127.0.0.1:9/",
    )  # fmt: skip
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace("[server]", f"[server]\nmax_pending = {MOST}"))
    service.start("--role", "receiver", "--role", "worker")
    try:
        await service.ready()
        assert service.process is not None
        process = psutil.Process(service.process.pid)
        crowd = Crowd(service.port)
        before = await crowd.send(20, 50)
        memory = process.memory_info().rss
        await _burst(crowd, database_url)
        assert process.memory_info().rss - memory < GROWTH
        assert (set(crowd.answers), crowd.unkind) == ({200, 503}, 0)
        refused = crowd.answers[503]
        after = await crowd.send(20, 50)
        assert crowd.answers[503] == refused
        assert after < 10 * before
        async with Database.open(database_url, size=1) as database, database.connection() as conn:
            kept = {row["delivery"] for row in await conn.fetch("select delivery from events")}
        assert crowd.taken == kept
    finally:
        service.kill()


async def _burst(crowd: Crowd, dsn: str) -> None:
    """All of them at once, on a log that stands still until the first one was refused."""
    async with Database.open(dsn, size=1) as database, database.transaction() as holding:
        await holding.execute("lock table deliveries in exclusive mode")
        burst = asyncio.create_task(crowd.send(SENDERS, 10))
        await asyncio.wait_for(crowd.refused.wait(), 60)
    await burst
