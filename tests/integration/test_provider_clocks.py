"""How far a provider's times are ahead of their arrival follows from the newest of the log; the doctor says it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.integration.told import NOON, PROVIDER, told
from tracker.queries.health import provider_clocks
from tracker.queries.provider_health import provider_health
from tracker.settings import Settings
from tracker.store.log.event_log import append

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def heard(database: Database, *offsets: float) -> None:
    """Webhooks whose times are so many seconds ahead of their arrival."""
    async with database.transaction() as conn:
        for number, offset in enumerate(offsets):
            one = told(f"p{number}", "failed", number)
            await append(conn, [replace(one, occurred_at=NOON + offset * SECOND)])


async def said(database: Database) -> list[tuple[str, str]]:
    section = {"kind": PROVIDER, "api_url": "https://api.example.com", "webhook_secrets": ["s" * 32]}
    settings = Settings.model_validate({"providers": {PROVIDER: section}})
    async with database.transaction() as conn:
        (provider,) = await provider_health(conn, settings, [PROVIDER], NOON)
    return [(str(check.verdict), check.found) for check in provider.checks() if check.name == "times"]


async def test_what_is_ahead_is_counted_with_the_largest_and_the_usual(database: Database) -> None:
    await heard(database, -2, 0.5, 3, 4, 7)
    async with database.transaction() as conn:
        found = (await provider_clocks(conn, [PROVIDER], NOON))[PROVIDER]
    assert (found.told, found.ahead, found.largest, found.usual) == (5, 3, 7 * SECOND, 3 * SECOND)
    assert await said(database) == [
        ("warning", "sosyalkopru: 3 of the last 5 are ahead of their arrival, by 7s at most, usually by 3s")
    ]


async def test_a_provider_in_another_zone_is_named(database: Database) -> None:
    await heard(database, *[3 * 3600 - n for n in range(6)])
    assert await said(database) == [("problem", "sosyalkopru: its times are 3h ahead of their arrival")]


async def test_of_a_clock_that_keeps_its_time_nothing_is_said(database: Database) -> None:
    await heard(database, -1, -0.2, 0.1, 0, -3)
    assert await said(database) == []
