"""kill -9 of the server and of Postgres, at any moment under load: nothing is lost, and nothing is done twice unsaid.

`pytest tests/acceptance --kills 200` runs longer.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.service import Service, free_port
from tests.acceptance.sink import Sink, a_sink
from tracker.providers import build_providers, fact_readers
from tracker.rebuild import Rebuild
from tracker.settings import load_settings
from tracker.simulator import Faults, Odds, Simulator, run_simulator
from tracker.store.database import Database
from tracker.store.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

pytestmark = pytest.mark.anyio

SECRET = "whsec_of_the_simulated_provider"
WEATHER = Faults(repeated=0.1, late=0.2, latest=timedelta(seconds=30))
STUBBORN = [timedelta(seconds=20)] * 200
SPEED = 20
LET_TIME_PASS = """
update actions set due_at = now()
 where id in (select id from actions where state = 'pending' and due_at > now() for update skip locked)
"""
"""Nobody waits here for the pause before the next attempt, which may be minutes."""


async def test_nothing_acknowledged_is_lost_however_often_we_are_killed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = int(request.config.getoption("--kills"))
    chance = random.Random(kills)
    server = EmbeddedPostgres(tmp_path / "postgres")
    simulated = run_simulator(seed=kills, speed=SPEED, faults=WEATHER, odds=Odds(slow=0.0), ladder=STUBBORN)
    async with a_sink() as sink, simulated as simulator:
        service = _service(tmp_path, server.start(), simulator, sink)
        simulator.register(f"{service.url}/webhooks/sosyalkopru", secret=SECRET)
        service.start()
        await service.ready()
        simulator.start_stream(rate=15)
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            if chance.random() < 0.5:
                service.kill()
                service.start()
            else:
                _kill_postgres(server)
                server.stop()
                server.start()
            if chance.random() < 0.7:
                await service.ready()
        simulator.stop_stream()
        await service.ready()
        async with Database.open(server.dsn) as database:
            await _until_quiet(database, simulator, service)
            assert service.stop() == 0
            await _check_log(database, simulator)
            await _check_posts(database, simulator, service)
            await _check_actions(database, sink)
    server.stop()


def _service(folder: Path, dsn: str, simulator: Simulator, sink: Sink) -> Service:
    return Service(
        folder / "service", free_port(), dsn=dsn, lease="3s", provider=simulator.url, secret=SECRET, sink=sink.url
    )


def _kill_postgres(server: EmbeddedPostgres) -> None:
    pid = int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)


async def _until_quiet(database: Database, simulator: Simulator, service: Service) -> None:
    """Until every delivery has been accepted, every post has ended, and nothing is left to do."""
    open_work = """
        select (select count(*) from actions where state in ('pending', 'claimed'))
             + (select count(*) from timers) + (select count(*) from runs where state = 'active')
    """

    async def quiet() -> bool:
        if not all(delivery.acknowledged for delivery in simulator.deliveries):
            return False
        async with database.connection() as conn:
            await conn.execute(LET_TIME_PASS)
            if await conn.fetchval(open_work):
                return False
            rows = await conn.fetch(
                "select p.post, p.state from posts p join projections v on v.version = p.projection and v.current"
            )
        known = {row["post"]: row["state"] for row in rows}
        return known == {post: truth.state for post, truth in simulator.truth().items()}

    end = time.monotonic() + 240
    while not await quiet():
        assert time.monotonic() < end, f"not quiet\n{service.log_end()}\n{_unlike(simulator)}"
        await asyncio.sleep(0.2)


def _unlike(simulator: Simulator) -> Sequence[str]:
    return [delivery.id for delivery in simulator.deliveries if not delivery.acknowledged][:10]


async def _check_log(database: Database, simulator: Simulator) -> None:
    """Every acknowledged delivery is in the log once, byte for byte."""
    async with database.connection() as conn:
        rows = await conn.fetch("select body from events where source = 'sosyalkopru'")
    kept = [bytes(row["body"]) for row in rows]
    assert len(kept) == len(set(kept))
    assert set(kept) == {delivery.body for delivery in simulator.deliveries if delivery.acknowledged}


async def _check_posts(database: Database, simulator: Simulator, service: Service) -> None:
    """The posts are the truth, nothing was parked, and a rebuild says the same."""
    settings = load_settings(service.folder / "config.toml", {})
    readers = fact_readers(build_providers(settings))
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731  (the clock is an argument)
    async with database.connection() as conn:
        assert await conn.fetchval("select count(*) from parked") == 0
    difference = await Rebuild(database, readers, now, lambda _done, _total: None).run()
    assert difference.none, difference
    assert difference.posts == len(simulator.truth())


async def _check_actions(database: Database, sink: Sink) -> None:
    """Whatever the far end accepted more than once, the attempts say so; and each rule fired once for each cause."""
    async with database.connection() as conn:
        actions = await conn.fetch("select id, state, attempts, rule, payload from actions where verb = 'send'")
        attempts = await conn.fetch("select action, count(*) from action_attempts group by action")
        orphans = await conn.fetchval(
            "select count(*) from firings f where outcome = 'fired' and not exists (select from runs where id = f.run)"
        )
    made = {str(row["action"]): row["count"] for row in attempts}
    assert {row["state"] for row in actions} == {"done"}
    assert {str(row["id"]) for row in actions} == set(sink.accepted)
    assert all(times <= made[action] for action, times in sink.accepted.items())
    assert all(row["attempts"] == made[str(row["id"])] for row in actions)
    assert orphans == 0
