"""Every kind of provider that the simulator can speak for, told through the real door: the posts end in its truth."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.serving import serving
from tests.processing import a_processor
from tracker.api import Parts, application
from tracker.domain.posts.event import State
from tracker.facts.codec import fact_readers
from tracker.providers import build_providers
from tracker.providers.registry import KINDS
from tracker.receive.receiver import Receiver
from tracker.settings import Settings
from tracker.simulator import DIALECTS, Faults, ManualClock, Odds, run_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.simulator import Truth
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

SECRET = "whsec_test"
MINUTE = timedelta(minutes=1)
PLATFORMS = ("x", "tiktok", "instagram")
TELL_THE_TIME = frozenset({"sosyalkopru", "zernio"})
"""Only what bears its own time to the millisecond can be told late without harm."""


class Corridor:
    """A door for one provider, and the processor behind it, on the time of the simulator."""

    def __init__(self, database: Database, kind: str, clock: ManualClock) -> None:
        section: dict[str, Any] = {"kind": kind, "api_url": "https://api.example.com", "webhook_secrets": [SECRET]}
        self.kind, self._database, self._clock = kind, database, clock
        self._providers = build_providers(Settings.model_validate({"providers": {kind: section}}))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """The door's address."""
        receiver = Receiver(self._database, self._providers, self._clock.now)
        writing = asyncio.create_task(receiver.run())
        try:
            async with serving(application(Parts(self._database, self._clock.now, receiver))) as client:
                secret = f"/{SECRET}" if self._providers[self.kind].verifier.scheme.form == "path" else ""
                yield f"{client.base_url}/webhooks/{self.kind}{secret}"
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing

    async def states(self) -> dict[str, State]:
        """The posts, once everything that came has been folded."""
        node = await a_processor(self._database, fact_readers(self._providers), clock=self._clock.now)
        await node.tend()
        await node.drain()
        async with self._database.connection() as conn:
            rows = await conn.fetch("select post, state from posts")
        return {row["post"]: State(row["state"]) for row in rows}


def told_of(dialect: str, truth: Truth) -> dict[str, State]:
    """What can be known of a post: its state; at Postiz, which has a row for each channel, those that are published."""
    if dialect != "postiz":
        return {truth.id: truth.state}
    rows = ((f"{truth.id}-{key.replace('#', '-')}", state) for key, state in truth.targets.items())
    return {name: state for name, state in rows if state is State.PUBLISHED}


@pytest.mark.parametrize("dialect", sorted(KINDS.keys() & DIALECTS.keys()))
async def test_a_story_told_through_the_door_ends_in_the_truth(database: Database, dialect: str) -> None:
    """Published, failed and mixed, with repetitions, and late where a webhook says when it was true."""
    clock = ManualClock()
    corridor = Corridor(database, dialect, clock)
    faults = Faults(repeated=0.3, late=0.3 if dialect in TELL_THE_TIME else 0.0)
    async with (
        corridor.open() as door,
        run_simulator(clock=clock, dialect=dialect, faults=faults, odds=Odds(fails=0.4)) as simulator,
    ):
        simulator.register(door, secret=SECRET)
        for number in range(12):
            simulator.create(PLATFORMS[: 1 + number % 3], at=clock.now() + MINUTE)
        await clock.settle()
        assert all(delivery.acknowledged for delivery in simulator.deliveries)
    truths = simulator.truth().values()
    assert {truth.state for truth in truths} >= {State.PUBLISHED, State.FAILED, State.PARTIAL}
    expected = {name: state for truth in truths for name, state in told_of(dialect, truth).items()}
    assert await corridor.states() == expected
