"""A provider that loses, repeats, delays and falls silent: after asking, every post is what it really is."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import serving
from tests.integration.gates import ClockedGate
from tests.processing import a_processor
from tracker.api import Parts, application
from tracker.domain.actions import Reason
from tracker.facts.codec import fact_readers
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound
from tracker.providers import build_clients, build_providers
from tracker.providers.rate_limiter import terms_of
from tracker.receive.receiver import Receiver
from tracker.reconcile.reconciler import Reconciler
from tracker.settings import Settings
from tracker.simulator import Faults, ManualClock, Odds, Simulator, run_simulator
from tracker.store.calls import reconciliations
from tracker.store.posts import overdue_posts, posts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.domain.posts.post import Post
    from tracker.process.processor import Processor
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

PROVIDER, SECRET, JOB = "sosyalkopru", "whsec_of_the_test", "reconcile"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WEATHER = Faults(lost=0.2, repeated=0.2, late=0.2, latest=HOUR)
"""A fifth lost for good, a fifth repeated, a fifth up to an hour late."""

TIGHT = "15 in 1h"
"""Of calls, which is less than there is to be asked at times."""

LATER = 60
"""Rounds at the end, at most, until everything was asked about."""


@dataclass
class House:
    """Door, processor and reconciler, on the simulator's clock."""

    database: Database
    simulator: Simulator
    clock: ManualClock
    projecting: Processor
    reconciler: Reconciler
    most_calls: int

    async def pass_time(self, span: timedelta) -> None:
        """What is due is delivered, by real HTTP, and folded into posts."""
        await self.clock.advance(span)
        await self.projecting.drain()

    async def reconcile(self) -> None:
        """One round, as the job would have it done."""
        async with self.database.transaction() as conn:
            await reconciliations.want(conn, JOB, PROVIDER, self.clock.now())
        assert await self.reconciler.next_round()
        await self.projecting.drain()

    async def known(self) -> dict[str, Post]:
        async with self.database.connection() as conn:
            found = await posts.load(conn, [(PROVIDER, post) for post in self.simulator.truth()])
        return {post: kept.post for (_, post), kept in found.items()}

    async def rounds(self) -> list[dict[str, object]]:
        async with self.database.connection() as conn:
            return [dict(row) for row in await conn.fetch("select * from reconciliations order by wanted_at")]


@asynccontextmanager
async def running(receiver: Receiver) -> AsyncIterator[None]:
    task = asyncio.create_task(receiver.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def house(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    more: dict[str, object] = getattr(request, "param", {})
    clock = ManualClock()
    async with (
        run_simulator(clock=clock, faults=WEATHER, odds=Odds(fails=0.3), seed=7) as simulator,
        Outbound(Allowed.parse(["127.0.0.1"])) as outbound,
    ):
        provider = {"kind": PROVIDER, "api_url": simulator.url, "api_key": simulator.api_key, **more}
        settings = Settings.model_validate({"providers": {PROVIDER: provider | {"webhook_secrets": [SECRET]}}})
        doors = build_providers(settings)
        receiver = Receiver(database, doors, clock.now)
        readers = fact_readers(doors)
        projecting = await a_processor(database, readers, clock=clock.now)
        await projecting.tend()
        clients = build_clients(settings, outbound, ClockedGate(terms_of(settings), clock.now))
        asking = Reconciler(database, clients, readers, settings.jobs.reconciling, clock.now)
        async with serving(application(Parts(database, clock.now, receiver))) as client, running(receiver):
            simulator.register(f"{client.base_url}/webhooks/{PROVIDER}", secret=SECRET)
            (rate,) = settings.providers[PROVIDER].budget
            yield House(database, simulator, clock, projecting, asking, rate.times)


def differing(simulator: Simulator, known: dict[str, Post]) -> dict[str, tuple[object, object]]:
    """The posts that we know otherwise than they are."""
    truth = simulator.truth()
    ours = {
        name: (post.state, {key: target.state for key, target in post.targets.items()}) for name, post in known.items()
    }
    real = {name: (post.state, dict(post.targets)) for name, post in truth.items()}
    return {name: (ours.get(name), what) for name, what in real.items() if ours.get(name) != what}


async def differing_though_heard_of(house: House) -> set[str]:
    """The posts that we could have asked about, and still know otherwise than they are."""
    known = await house.known()
    return differing(house.simulator, known).keys() & known.keys()


def most_in_an_hour(moments: list[datetime]) -> int:
    """The most of them that lie within an hour, which begins with one of them."""
    return max(sum(first <= moment < first + HOUR for moment in moments) for first in moments)


@pytest.mark.parametrize(
    "house",
    [{}, {"calls": {"list": ""}}, {"calls": {"list": ""}, "budget": TIGHT}],
    ids=["a provider with a list", "a provider that is asked post by post", "and that within a tight budget"],
    indirect=True,
)
async def test_every_post_ends_in_the_truth_and_what_was_missed_is_counted(house: House) -> None:
    """Six hours: five of posts, in the middle of them two of silence, with a round every ten minutes."""
    simulator = house.simulator
    by_list = house.reconciler.clients[PROVIDER].can("list")
    for step in range(36):
        simulator.silent = 12 <= step < 24
        if step < 30:
            for n in range(6):
                platforms = ("instagram", "x", "tiktok")[: n % 3 + 1]
                at = house.clock.now() + (5 + n) * MINUTE if n % 2 or not by_list else None
                simulator.create(platforms, at=at)
        await house.pass_time(10 * MINUTE)
        await house.reconcile()
    for _ in range(6):
        await house.pass_time(20 * MINUTE)
        await house.reconcile()
    for _ in range(LATER):
        if not await differing_though_heard_of(house):
            break
        await house.pass_time(20 * MINUTE)
        await house.reconcile()
    rounds = await house.rounds()
    unheard = {post for post in simulator.truth() if post not in await house.known()}
    if by_list:
        assert differing(simulator, await house.known()) == {}
    else:  # nobody can ask about a post of which nobody has told
        told = {delivery.post for delivery in simulator.deliveries if delivery.acknowledged}
        assert unheard == set(simulator.truth()) - told
        assert set(differing(simulator, await house.known())) == unheard
    assert sum(int(str(row["calls"])) for row in rounds) == len(simulator.calls)
    assert most_in_an_hour([call.at for call in simulator.calls]) <= house.most_calls
    assert {row["stopped"] for row in rounds} == ({None, Reason.BUDGET_SPENT} if house.most_calls < 100 else {None})
    await the_missed_are_those_that_were_dropped(house)


async def the_missed_are_those_that_were_dropped(house: House) -> None:
    """Each finding is a delivery that never came, and every post whose last word was dropped is among them."""
    simulator = house.simulator
    async with house.database.connection() as conn:
        rows = await conn.fetch(
            "select f.post, e.occurred_at from findings f join events e using (position) where told_at is null"
        )
        figure = (await overdue_posts.missed(conn, house.clock.now() - timedelta(days=1), house.clock.now() + HOUR))[
            PROVIDER
        ]
    stamp = {(delivery.post, said_at(delivery.body)): delivery.acknowledged for delivery in simulator.deliveries}
    found = {(row["post"], row["occurred_at"]) for row in rows}
    assert not [one for one in found if stamp[one]]
    last = {delivery.post: delivery for delivery in simulator.deliveries}
    known = await house.known()
    dropped = {post for post, delivery in last.items() if not delivery.acknowledged and post in known}
    assert dropped <= {post for post, _ in found}
    assert figure == (len(rows), len({post for post, _ in found}))
    assert Counter(post for post, _ in found).total() == len(found) == len(rows)


def said_at(body: bytes) -> datetime:
    return datetime.fromisoformat(json.loads(body)["timestamp"])
