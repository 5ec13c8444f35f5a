"""/readyz: 503 names what keeps this process from its work; what does not is told beside a 200."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import serving
from tests.integration.told import NOON
from tracker.api import Parts, application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SCHEDULER = {"scheduler": "failed 7 times since 2026-11-10T12:00:00Z, the last time with ValueError: no such day"}
REFUSED = {"rules": "refused since 2026-11-10T12:00:00Z: rules/a.toml:1:1"}


async def readyz(
    database: Database, faults: Mapping[str, str] | None = None, notices: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    parts = Parts(database, lambda: NOON, None, faults=lambda: faults or {}, notices=lambda: notices or {})
    async with serving(application(parts)) as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()


async def test_where_all_is_well_it_is_ok(database: Database) -> None:
    assert await readyz(database) == (200, {"status": "ok", "faults": {}})


async def test_an_agent_that_keeps_failing_is_named(database: Database) -> None:
    assert await readyz(database, SCHEDULER) == (503, {"status": "failing", "faults": SCHEDULER})


async def test_what_does_not_keep_it_from_its_work_degrades_it(database: Database) -> None:
    assert await readyz(database, notices=REFUSED) == (200, {"status": "degraded", "faults": REFUSED})


async def test_what_is_wrong_is_told_beside_what_keeps_it_from_its_work(database: Database) -> None:
    assert await readyz(database, SCHEDULER, REFUSED) == (503, {"status": "failing", "faults": REFUSED | SCHEDULER})
