"""Beside any flood, with the descriptors of a usual machine, every delivery is taken and memory stays in its bounds."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.acceptance.beside_floods import BEGUN, SECRET, delivered, flooded, p99
from tests.acceptance.floods import KINDS
from tests.acceptance.service import Service, free_port
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.acceptance]

DESCRIPTORS = 1024
DELIVERIES = 60
GROWTH = 100 * 2**20


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


async def test_every_delivery_is_taken_beside_each_flood(service: Service, database_url: str) -> None:
    await service.ready()
    assert service.process is not None
    process = psutil.Process(service.process.pid)
    await delivered(service.port, "first", DELIVERIES)
    alone = await delivered(service.port, "alone", DELIVERIES)
    before, told = process.memory_info().rss, [f"alone: p99 {p99(alone):.0f} ms"]
    for kind in KINDS:
        with flooded(kind, service.port):
            await asyncio.sleep(BEGUN)
            beside = await delivered(service.port, kind.replace(" ", "-"), DELIVERIES)
            grown = process.memory_info().rss - before
        assert grown < GROWTH, f"{kind}: {grown / 2**20:.0f} MiB more"
        told.append(f"{kind}: p99 {p99(beside):.0f} ms, {grown / 2**20:+.0f} MiB")
    print("\n".join(told))  # noqa: T201  (figures, for who asks for them)
    assert "agent.failed" not in service.log_end()
    async with Database.open(database_url, size=2) as database, database.connection() as conn:
        assert await conn.fetchval("select count(*) from events") == DELIVERIES * (2 + len(KINDS))
