"""The tracker's own reader and client of the provider agree with the simulated one about what is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.integration.gates import OpenGate
from tracker.domain.posts.event import LoggedEvent, State
from tracker.domain.posts.post import fold
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients, build_providers
from tracker.settings import Settings, load_settings
from tracker.simulator import Faults, ManualClock, Odds, Simulator, run_simulator
from tracker.simulator.wire import sign

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.domain.posts.event import Fact
    from tracker.providers.adapter import Adapter

pytestmark = pytest.mark.anyio

NAME, SECRET, NOW = "sosyalkopru", "whsec_simulated", datetime(2026, 1, 1, 12, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:1/"


def settings(folder: Path, url: str) -> Settings:
    """A configuration for the simulated provider."""
    path = folder / "config.toml"
    path.write_text(
        f"[providers.{NAME}]\nkind = '{NAME}'\napi_url = '{url}'\napi_key = 'sk_simulated'\n"
        f"webhook_secrets = ['{SECRET}']\n"
    )
    return load_settings(path, {})


def facts(simulator: Simulator, adapter: Adapter) -> dict[str, list[Fact]]:
    """What the tracker makes of everything the provider has to say, by post."""
    found: dict[str, list[Fact]] = {}
    for position, delivery in enumerate(simulator.deliveries):
        headers = {"x-sosyalkopru-signature": sign(SECRET, delivery.body), "x-sosyalkopru-delivery": delivery.id}
        adapter.verify(headers, delivery.body, NOW)
        reading = adapter.read(headers, delivery.body)
        (post,) = reading.posts
        digest = sha256(delivery.body).digest()
        at = reading.occurred_at or NOW
        event = LoggedEvent(position, 0, NAME, NAME, reading.kind, post, 0, at, at, digest, delivery.body)
        found.setdefault(str(post), []).extend(adapter.facts(event))
    return found


async def test_what_the_webhooks_say_folds_into_the_truth(tmp_path: Path) -> None:
    """Failures, mixtures, equal platforms, schedules, retries: state, targets and attempt are the same."""
    clock, odds = ManualClock(NOW), Odds(fails=0.4)
    async with run_simulator(clock=clock, odds=odds, faults=Faults(lost=1.0)) as simulator:
        adapter = build_providers(settings(tmp_path, simulator.url))[NAME]
        simulator.register(NOWHERE, secret=SECRET)
        simulator.start_stream(rate=1, posts=60)
        await clock.settle()
        for name, truth in simulator.truth().items():
            if truth.state in (State.FAILED, State.PARTIAL):
                simulator.retry(name)
        await clock.settle()
        truths, told = simulator.truth(), facts(simulator, adapter)
    assert {truth.attempt for truth in truths.values()} == {1, 2}
    for name, truth in truths.items():
        post = fold(NAME, name, told[name]).post
        assert (post.state, post.attempt, post.scheduled_at) == (truth.state, truth.attempt, truth.scheduled_at)
        assert {key: target.state for key, target in post.targets.items()} == truth.targets


async def test_the_client_speaks_the_simulated_api(tmp_path: Path) -> None:
    """Register, test, create, read and retry are understood, and their answers too."""
    clock = ManualClock(NOW)
    async with (
        run_simulator(clock=clock) as simulator,
        Outbound(Allowed.parse(["127.0.0.1"]), timeout=timedelta(seconds=5)) as outbound,
    ):
        client = build_clients(settings(tmp_path, simulator.url), outbound, OpenGate())[NAME]
        registered = (await client.register_webhook(NOWHERE, ["post.failed"], "")).value
        assert registered is not None
        tested = (await client.test_webhook(registered.id)).value
        post = (await client.create_post({"platforms": ["x"], "content": {"text": "#fail=timeout*1"}}, "a")).value
        await clock.settle()
        assert (tested and tested.success, post) == (False, next(iter(simulator.truth())))
        failed = (await client.get_post(str(post))).value
        assert failed is not None
        assert (failed.state, failed.problem and failed.problem.code) == (State.FAILED, "timeout")
        assert [(await client.retry_post(str(post), "b")).value for _ in range(2)] == [True, True]
        await clock.settle()
        published = (await client.get_post(str(post))).value
        assert published is not None
        assert (published.state, simulator.truth()[str(post)].attempt) == (State.PUBLISHED, 2)
