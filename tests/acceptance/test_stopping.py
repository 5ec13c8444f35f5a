"""SIGTERM at any moment: the service stops in good order, tells whoever listens, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil
import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.contract.streaming import listen
from tests.waiting import until
from tracker.store import keys
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

LISTENERS = 5
SECONDS = 30


async def heard_to_the_end(url: str, key: str, begun: asyncio.Queue[str]) -> None:
    """Listens, says that it does, and returns when the stream ends."""
    headers = {"Authorization": f"Bearer {key}"}
    async with plain_http.client(base_url=url, headers=headers) as client:
        async for one in listen(client):
            await begun.put(one.id)


async def test_a_service_with_listeners_stops_when_it_is_asked_to(tmp_path: Path, database_url: str) -> None:
    service = Service(
        tmp_path, free_port(), dsn=database_url, lease="2s", provider="http://127.0.0.1:9", secret="whsec_of_the_test",
        sink="http://127.0.0.1:9/",
    )  # fmt: skip
    service.start()
    try:
        await service.ready()
        async with Database.open(database_url, size=1) as database, database.connection() as conn:
            _, key = await keys.create(conn, "listener", ["read"], datetime.now(UTC))
        begun: asyncio.Queue[str] = asyncio.Queue()
        listening = [asyncio.create_task(heard_to_the_end(service.url, key, begun)) for _ in range(LISTENERS)]
        for _ in listening:
            await asyncio.wait_for(begun.get(), SECONDS)
        asked = time.monotonic()
        assert await asyncio.to_thread(service.stop) == 0
        assert time.monotonic() - asked < SECONDS
        await asyncio.wait_for(asyncio.gather(*listening), SECONDS)
    finally:
        service.kill()


def at_work_in(folder: Path) -> list[str]:
    """What runs on something in the folder: an initdb, a Postgres."""
    running = psutil.process_iter(["name", "cwd", "cmdline"])
    places = [(one.info["name"], f"{one.info['cwd']} {one.info['cmdline']}") for one in running]
    return [name for name, place in places if str(folder) in place]


@pytest.mark.parametrize("moment", ["data.new", "data", "data/postmaster.pid"])
async def test_one_that_has_only_begun_leaves_no_postgres_behind(tmp_path: Path, moment: str) -> None:
    service = Service(
        tmp_path, free_port(), dsn="", lease="2s", provider="http://127.0.0.1:9", secret="whsec_of_the_test",
        sink="http://127.0.0.1:9/",
    )  # fmt: skip
    service.start()
    try:
        await until((tmp_path / ".tracker" / "postgres" / moment).exists, service.log_end, SECONDS)
        assert await asyncio.to_thread(service.stop) == 0, service.log_end()
        assert at_work_in(tmp_path) == []
        assert service.log_end() == ""
    finally:
        service.kill()
