"""The night on which Berlin's clocks go back, lived through by a service: a job comes once, and all is answered."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.acceptance.shifted_clock import ShiftedClock
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_test"
NIGHTLY = """
[jobs.nightly]
kind = "reconcile"
cron = "30 2 * * *"
timezone = "Europe/Berlin"
"""
SUMMER, AUTUMN = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
"""Half past two comes twice."""

NEXT = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SOON = 60
PATIENCE = 10.0
"""An answer that takes longer is none."""


class Visitors:
    """One after another asks whether it is ready, and brings a webhook."""

    def __init__(self, service: Service) -> None:
        self._url, self._numbers = service.url, itertools.count()

    async def until(self, over: Callable[[], bool]) -> None:
        """As long as it takes; fails where one is not answered."""
        async with plain_http.client(base_url=self._url, timeout=PATIENCE) as client:
            while not over():
                assert (await client.get("/readyz")).status_code == 200
                data = {"postId": f"p{next(self._numbers)}", "status": "PUBLISHED", "platforms": []}
                body = json.dumps({"event": "post.published", "data": data}).encode()
                signed = {"x-sosyalkopru-signature": f"sha256={hmac.new(SECRET.encode(), body, sha256).hexdigest()}"}
                assert (await client.post("/webhooks/sosyalkopru", content=body, headers=signed)).status_code == 200
                await asyncio.sleep(0.05)


async def taken(database: Database) -> list[datetime]:
    async with database.connection() as conn:
        rows = await conn.fetch("select fire_at from fires where schedule = 'nightly' order by fire_at")
    return [row["fire_at"] for row in rows]


async def until_taken(database: Database, *moments: datetime) -> None:
    async def are_taken() -> bool:
        return await taken(database) == [*moments]

    await until(are_taken, f"{moments}", SOON)


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[Service]:
    service = Service(
        tmp_path, free_port(), dsn=database_url, lease="2s", provider="http://127.0.0.1:9", secret=SECRET,
        sink="http://127.0.0.1:9/",
    )  # fmt: skip
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + NIGHTLY)
    yield service
    service.kill()


async def test_a_job_comes_once_on_the_night_with_an_hour_twice(service: Service, database: Database) -> None:
    """The clock is set on to the second half past two, and then to the day after."""
    clock, visitors = ShiftedClock(service), Visitors(service)
    clock.set(SUMMER - 10 * SECOND)
    service.start()
    await service.ready()
    await until_taken(database, SUMMER)
    clock.set(AUTUMN - 3 * SECOND)
    await visitors.until(lambda: clock.now() > AUTUMN + 5 * SECOND)
    assert await taken(database) == [SUMMER]
    clock.set(NEXT + timedelta(hours=8))
    await until_taken(database, SUMMER, NEXT)
    assert "schedule.clock_moved" in (service.folder / "serve.log").read_text()


async def test_a_service_that_starts_after_such_a_night_makes_up_for_it_once(
    service: Service, database: Database
) -> None:
    """Its last time was the night before."""
    clock, visitors = ShiftedClock(service), Visitors(service)
    async with database.connection() as conn:
        await conn.execute("insert into fires values ('nightly', $1, $1)", SUMMER - timedelta(days=1))
    clock.set(NEXT + timedelta(hours=8))
    service.start()
    await service.ready()
    await until_taken(database, SUMMER - timedelta(days=1), NEXT)
    begun = clock.now()
    await visitors.until(lambda: clock.now() > begun + 3 * SECOND)
