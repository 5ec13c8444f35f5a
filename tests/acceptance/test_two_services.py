"""Two `serve` processes on one database: they share the work, and when one is killed the other takes it over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.service import Service, free_port
from tests.acceptance.sink import a_sink
from tests.waiting import until
from tracker.domain.posts.event import BUCKETS
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.simulator import Faults, Odds, run_simulator
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.simulator import Simulator

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_simulated_provider"
LEASE = 3.0
OWNERS = "select owner, count(*) from subscriptions where name = 'processor' and owner is not null group by owner"
CURRENT = "select post, state from posts where projection = (select version from projections where current)"


async def test_two_services_share_the_work_and_either_takes_over_from_the_other(tmp_path: Path) -> None:
    simulated = run_simulator(
        seed=2, speed=20, faults=Faults(repeated=0.1), odds=Odds(slow=0.0), ladder=[timedelta(seconds=10)] * 200
    )
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        async with a_sink() as sink, simulated as simulator:
            first, second = (
                Service(
                    tmp_path / name, free_port(), dsn=server.dsn, lease=f"{LEASE:g}s", provider=simulator.url,
                    secret=SECRET, sink=sink.url,
                )
                for name in ("first", "second")
            )  # fmt: skip
            for service in (first, second):
                service.start()
                await service.ready()
            async with Database.open(server.dsn) as database:
                await _share_and_take_over(database, simulator, first, second)
            assert second.stop() == 0
            assert sink.accepted


async def _share_and_take_over(database: Database, simulator: Simulator, first: Service, second: Service) -> None:
    async def buckets() -> list[int]:
        async with database.connection() as conn:
            return sorted(row["count"] for row in await conn.fetch(OWNERS))

    async def complete() -> bool:
        if not all(delivery.acknowledged for delivery in simulator.deliveries):
            return False
        async with database.connection() as conn:
            known = {row["post"]: row["state"] for row in await conn.fetch(CURRENT)}
        return known == {post: truth.state for post, truth in simulator.truth().items()}

    async def shared() -> bool:
        return await buckets() == [BUCKETS // 2] * 2

    async def taken_over() -> bool:
        return await buckets() == [BUCKETS]

    async def both_act() -> bool:
        async with database.connection() as conn:
            return len(await conn.fetch("select distinct owner from actions where state = 'done'")) == 2

    await until(shared, "each has half of the buckets", 3 * LEASE)
    simulator.register(f"{second.url}/webhooks/sosyalkopru", secret=SECRET)
    simulator.start_stream(rate=20, posts=80)
    await until(both_act, "both perform actions", 60)
    first.kill()
    await until(taken_over, "the second has all buckets", 2.5 * LEASE)
    await until(complete, "every post is what the provider says", 120)
