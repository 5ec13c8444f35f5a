"""Beside any flood, with the descriptors of a usual machine, every delivery is taken and memory stays in its bounds."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.acceptance.floods import KINDS
from tests.acceptance.service import Service, free_port
from tests.contract.raw import said, statuses
from tests.contract.test_door import body, signed
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.acceptance]

SECRET = "whsec_of_the_test"
DESCRIPTORS = 1024
DELIVERIES = 60
GROWTH = 100 * 2**20
BEGUN = 1.0
"""Seconds that a flood has to begin in; what is asserted does not rest on it."""


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Service]:
    """With as many descriptors as most have."""
    service = Service(
        tmp_path, free_port(), dsn=database_url, lease="2s", provider="http://127.0.0.1:9", secret=SECRET,
        sink="http://127.0.0.1:9/",
    )  # fmt: skip
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, soft), hard))
    try:
        service.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield service
    service.kill()


async def delivered(port: int, name: str, times: int) -> list[float]:
    """How long each delivery took, one after the other, each over a connection of its own; all must be taken."""
    took = []
    for number in range(times):
        content = body(post=f"{name}-{number}")
        lines = "".join(f"{key}: {value}\r\n" for key, value in signed(content, f"{name}-{number}", SECRET).items())
        head = f"POST /webhooks/sosyalkopru HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n{lines}"
        begun = time.monotonic()
        heard = await said(port, f"{head}Connection: close\r\n\r\n".encode() + content)
        took.append(time.monotonic() - begun)
        assert statuses(heard) == [200], (name, number, heard)
    return took


def begun(kind: str, port: int) -> subprocess.Popen[bytes]:
    """A flood, from a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "tests.acceptance.floods", kind, str(port)])


def p99(took: list[float]) -> float:
    return 1000 * sorted(took)[int(len(took) * 0.99)]


async def test_every_delivery_is_taken_beside_each_flood(service: Service, database_url: str) -> None:
    await service.ready()
    assert service.process is not None
    process = psutil.Process(service.process.pid)
    await delivered(service.port, "first", DELIVERIES)
    alone = await delivered(service.port, "alone", DELIVERIES)
    before, told = process.memory_info().rss, [f"alone: p99 {p99(alone):.0f} ms"]
    for kind in KINDS:
        flood = begun(kind, service.port)
        try:
            await asyncio.sleep(BEGUN)
            beside = await delivered(service.port, kind.replace(" ", "-"), DELIVERIES)
            grown = process.memory_info().rss - before
        finally:
            flood.kill()
            flood.wait()
        assert grown < GROWTH, f"{kind}: {grown / 2**20:.0f} MiB more"
        told.append(f"{kind}: p99 {p99(beside):.0f} ms, {grown / 2**20:+.0f} MiB")
    print("\n".join(told))  # noqa: T201  (figures, for who asks for them)
    assert "agent.failed" not in service.log_end()
    async with Database.open(database_url, size=2) as database, database.connection() as conn:
        assert await conn.fetchval("select count(*) from events") == DELIVERIES * (2 + len(KINDS))
