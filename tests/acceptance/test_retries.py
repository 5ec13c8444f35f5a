"""Retrying through outages and kill -9: however often nobody knows what became of a call, each post is out once."""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.service import Service, free_port
from tests.waiting import until
from tracker.domain.posts.event import State
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.simulator import Odds, Outage, Simulator, run_simulator

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.anyio, pytest.mark.acceptance]

SECRET, SPEED = "whsec_of_the_simulated_provider", 30
SECONDS = 600
RULES = """
[rule.again]
on        = "post.failed"
when      = "error.retryable"
cancel_on = ["post.published"]
budget    = "100000 per hour"
do        = [{ retry = "publish", tries = 20, backoff = "500ms x2 max 4s jitter 20%" }]
"""
OUTAGES = (Outage.ANSWER_LOST, Outage.UNAVAILABLE, Outage.HANGS, Outage.RATE_LIMITED)


def ended(simulator: Simulator) -> Counter[State]:
    return Counter(truth.state for truth in simulator.truth().values())


async def until_out(simulator: Simulator, published: int, end: float, service: Service) -> None:
    """Until so many are published."""
    await until(
        lambda: ended(simulator)[State.PUBLISHED] >= published,
        lambda: f"{ended(simulator)}\n{service.log_end()}",
        end - time.monotonic(),
    )


def _called(simulator: Simulator, times: int, posts: int) -> bool:
    """Whether it was called so often, or will not be any more: what was under way before the outage may be out."""
    return len(simulator.calls) >= times or ended(simulator)[State.PUBLISHED] == posts


async def test_each_post_is_published_exactly_once_through_outages_and_kills(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Every post fails once or twice; on the way the API goes away in one manner after the other, and we are killed."""
    posts, end = pytestconfig.getoption("--posts"), time.monotonic() + SECONDS
    kills = min(posts // 20, 12)
    server = EmbeddedPostgres(tmp_path / "postgres")
    simulated = run_simulator(seed=3, speed=SPEED, odds=Odds(fails=0.0, slow=0.0), ladder=[timedelta(seconds=30)] * 500)
    async with simulated as simulator:
        service = Service(
            tmp_path / "service", free_port(), dsn=server.start(), lease="2s", provider=simulator.url, secret=SECRET,
            sink="http://127.0.0.1:9/",
        )  # fmt: skip
        (service.folder / "rules" / "all.toml").write_text(RULES)
        simulator.register(f"{service.url}/webhooks/sosyalkopru", secret=SECRET)
        service.start()
        await service.ready()
        try:
            for n in range(posts):
                simulator.create(["instagram"], f"#fail=timeout*{n % 2 + 1}")
            for kill in range(kills):
                await until_out(simulator, posts * kill // kills, end, service)
                simulator.outage = OUTAGES[kill % len(OUTAGES)]
                enough = len(simulator.calls) + min(3, posts - ended(simulator)[State.PUBLISHED])
                await until(partial(_called, simulator, enough, posts), "it is called", end - time.monotonic())
                service.kill()
                simulator.outage = None
                service.start()
            await until_out(simulator, posts, end, service)
        finally:
            service.kill()
            server.stop()
        truth = simulator.truth()
        assert len(truth) == posts
        assert {tuple(one.published.items()) for one in truth.values()} == {(("instagram#1", 1),)}
        assert Counter(one.attempt for one in truth.values()) == {2: (posts + 1) // 2, 3: posts // 2}
        lost = sum(call.status is None for call in simulator.calls)
        assert lost > 0, "no call's answer was ever lost: nothing was tried"
