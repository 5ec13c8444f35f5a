"""A plan survives kill -9: every chosen message goes out again, under its own id, and none is left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests import plain_http
from tests.acceptance.service import Service, free_port
from tests.acceptance.sink import Sink, a_sink
from tests.contract.serving import bearer
from tests.waiting import until
from tracker.domain.actions import ActionSpec
from tracker.domain.payloads import SendPayload
from tracker.domain.runs.engine_state import ActionRequest
from tracker.store.actions import actions
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

MESSAGES, PATIENCE = 120, 60


async def dead_messages(database: Database) -> set[UUID]:
    """Messages that were given up, as after an outage of the other side."""
    now = datetime.now(UTC)
    specs = [ActionSpec("send", "cms", SendPayload(event="e", data={}), f"run:{n}", now) for n in range(MESSAGES)]
    async with database.transaction() as conn:
        await actions.intend(conn, [ActionRequest(spec, "r", "1", None, "sosyalkopru", None) for spec in specs], now)
        await conn.execute("update actions set state = 'dead', reason = 'http_5xx', finished_at = $1", now)
    return {spec.id for spec in specs}


async def test_a_plan_goes_on_where_a_killed_process_left_it(tmp_path: Path, database: Database) -> None:
    async with a_sink(fails=10**9) as sink, plain_http.client(headers=await bearer(database, "operate")) as client:
        service = Service(
            tmp_path / "service", free_port(), dsn=database.dsn, lease="1s", provider="http://127.0.0.1:9",
            secret="whsec_x", sink=sink.url,
        )  # fmt: skip
        ids = await dead_messages(database)
        service.start()
        await service.ready()
        answer = await client.post(f"{service.url}/api/v1/actions/retry", json={"filters": {}, "pace": "40 per second"})
        assert answer.status_code == 201, answer.text
        plan = answer.json()["plan"]["id"]
        for part in (0.2, 0.6):
            await until(partial(arrived, sink, part * MESSAGES), "they come", PATIENCE)
            service.kill()
            service.start()
        await until(partial(arrived, sink, MESSAGES), "all come", PATIENCE)
        await service.ready()

        async def over() -> Any:
            one = (await client.get(f"{service.url}/api/v1/plans/{plan}")).json()
            return one if (one["state"], one["outcomes"]) == ("done", {"done": MESSAGES}) else None

        one = await until(over, "the plan is done", PATIENCE)
        assert (one["ordered"], one["skipped"], one["left"]) == (MESSAGES, {}, 0)
        assert {UUID(name) for name in sink.accepted} == ids
        async with database.connection() as conn:
            assert await conn.fetchval("select count(*) from events where kind = 'action.retried'") == MESSAGES
        assert service.stop() == 0


def arrived(sink: Sink, number: float) -> bool:
    """Whether so many different messages have come."""
    return len(sink.accepted) >= number
