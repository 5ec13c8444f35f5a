"""The drift watch on a real log: it is learnt from, bounded, and each drift is a fact once, until it is over."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.corridor import Corridor
from tests.integration.told import NOON, PROVIDER
from tracker.domain.drift.findings import LEAST_KNOWN
from tracker.domain.drift.usual import BLOCK, BLOCKS
from tracker.process import processor
from tracker.process.projector import Projector
from tracker.providers import build_providers
from tracker.providers.watched import Watching, watching
from tracker.receive.receiver import incoming
from tracker.reconcile import drift_monitor
from tracker.rulebook import load_text
from tracker.settings import Settings
from tracker.store.drift import drifts, sampling
from tracker.store.log import event_log

if TYPE_CHECKING:
    from tracker.store.database import Database
    from tracker.store.drift.drifts import Known

pytestmark = pytest.mark.anyio

RECENT = BLOCK * BLOCKS
RULES = """
[rule.drifted]
on  = "provider.drifted"
per = "provider"
do  = [{ alert = "ops", title = "{{ post.provider }} speaks otherwise" }]
"""


def body(nth: int, event: str = "post.published", **data: Any) -> bytes:
    """An ordinary webhook, but for what is given; None takes a field away."""
    target = {"platform": "x", "status": "PUBLISHED", "platformPostUrl": f"https://x.example/{nth}"}
    told = {"postId": f"post_{nth:06}", "status": "PUBLISHED", "platforms": [target], **data}
    kept = {name: value for name, value in told.items() if value is not None}
    at = NOON + timedelta(seconds=nth)
    return json.dumps({"event": event, "timestamp": at.isoformat(), "data": kept}).encode()


class House:
    """A log, what is watched in it, and a corridor for the rules."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, NOON
        self.corridor = Corridor(database, load_text(RULES).index.by_id.values())
        self.watching = self.mapped()

    def mapped(self, **more: Any) -> Watching:
        """With these settings of the provider."""
        configured = {PROVIDER: {"kind": PROVIDER, "api_url": "http://127.0.0.1:9/v1", **more}}
        settings = Settings.model_validate({"providers": configured})
        self.adapter = build_providers(settings)[PROVIDER]
        self.watching = watching(settings, PROVIDER, self.adapter)
        return self.watching

    async def hear(self, *bodies: bytes) -> None:
        self.now += timedelta(minutes=1)
        events = [incoming(PROVIDER, self.adapter.read({}, one), one, self.now) for one in bodies]
        async with self.database.connection() as conn:
            await event_log.append(conn, events)

    async def look(self) -> list[str]:
        """The titles of the alerts that go out when one looks now."""
        self.now += timedelta(minutes=1)
        self.corridor.at = (self.now - NOON).total_seconds()
        before = len(self.corridor.world.performed)
        await drift_monitor.look(self.database, {PROVIDER: self.watching}, self.now)
        await self.corridor.settle()
        return [claimed.alert.title for claimed in self.corridor.world.performed[before:]]

    async def open(self) -> list[Known]:
        async with self.database.connection() as conn:
            return await drifts.open_drifts(conn)


@pytest.fixture
async def house(database: Database) -> House:
    """With the ordinary webhooks of a month, and without anything that would fold those."""
    house = House(database)
    await house.corridor.open()
    house.corridor.processor.projector = _Noting(house.corridor.processor.projector.readers, processor.NAME)
    await house.hear(*(body(nth) for nth in range(LEAST_KNOWN + RECENT)))
    return house


class _Noting(Projector):
    """Leaves out what the corridor's reader does not understand."""

    async def fold(self, conn: Any, rows: Any, *more: Any) -> Any:
        return await super().fold(conn, [row for row in rows if row["source"] != PROVIDER], *more)


async def test_a_renamed_status_is_told_once_until_it_is_mapped_and_comes_again(house: House) -> None:
    assert await house.look() == []
    await house.hear(*(body(nth, status="LIVE", platforms=None) for nth in range(100, 102)))
    assert await house.look() == []
    await house.hear(*(body(nth, status="LIVE") for nth in range(102, 105)))
    assert await house.look() == [f"{PROVIDER} speaks otherwise"]
    await house.hear(*(body(nth, status="LIVE") for nth in range(105, 108)))
    assert await house.look() == []
    (one,) = await house.open()
    assert (one.drift, one.path, one.found, one.times, one.events) == ("status", "data.status", "LIVE", 1, 8)
    assert one.posts == [f"post_{nth:06}" for nth in range(100, 108)]
    assert one.said["remedy"] == f'[providers.{PROVIDER}.statuses]\nLIVE = "published"  # a guess'
    assert one.said["example"]["data"]["status"] == "LIVE"
    assert one.said["example"]["data"]["postId"] == "post…"
    house.mapped(statuses={"LIVE": "published"})
    assert await house.look() == []
    assert await house.open() == []
    house.mapped()
    await house.hear(body(200, status="LIVE"))
    assert await house.look() == [f"{PROVIDER} speaks otherwise"]
    ((times, said),) = await house.corridor.rows("select times, said from drifts")
    assert (times, said["name"]) == (2, "status")  # type: ignore[index]
    facts = await house.corridor.rows("select source, provider, post from events where kind = 'provider.drifted'")
    assert facts == [("reconcile", PROVIDER, None)] * 2


async def test_a_field_that_vanishes_and_one_in_its_place(house: House) -> None:
    await house.look()
    gone = [body(nth).replace(b'"timestamp"', b'"happenedAt"') for nth in range(100, 100 + RECENT)]
    await house.hear(*gone)
    assert len(await house.look()) == 1
    (one,) = await house.open()
    assert (one.drift, one.path, one.said["instead"], one.events) == ("vanished", "timestamp", "happenedAt", RECENT)
    assert one.said["remedy"].splitlines()[1].startswith('occurred_at = "happenedAt|timestamp"')
    house.mapped(fields={"occurred_at": "happenedAt|timestamp"})
    assert await house.look() == []
    assert await house.open() == []


async def test_what_comes_all_at_once_is_told_though_most_of_it_counts_as_usual_by_then(house: House) -> None:
    await house.look()
    await house.hear(*(body(nth, platforms=None) for nth in range(100, 200)))
    assert len(await house.look()) == 1
    assert [(one.drift, one.path) for one in await house.open()] == [("vanished", "data.platforms")]


async def test_it_reads_on_from_where_it_was_and_no_more_than_it_may(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond is passed over; the sample is spread over events, so that none drowns another."""
    await house.look()

    async def counted() -> dict[str, int]:
        async with house.database.connection() as conn:
            return {event: usual.events for event, usual in (await drifts.usual_of(conn, PROVIDER)).items()}

    assert await counted() == {"post.published": LEAST_KNOWN + RECENT}
    await house.look()
    assert await counted() == {"post.published": LEAST_KNOWN + RECENT}
    monkeypatch.setattr(sampling, "OF_EACH", 5)
    await house.hear(*(body(nth) for nth in range(200, 260)), body(300, "post.failed"), body(301, "post.failed"))
    await house.look()
    assert await counted() == {"post.published": LEAST_KNOWN + RECENT + 5, "post.failed": 2}
    monkeypatch.setattr(sampling, "PAGE", 3)
    for nth in range(20):
        await house.hear(body(400 + nth))
    await house.look()
    seen = (await counted())["post.published"] - LEAST_KNOWN - RECENT - 5
    assert 0 < seen <= 5
    await house.look()
    assert (await counted())["post.published"] == LEAST_KNOWN + RECENT + 5 + seen
    monkeypatch.setattr(drifts, "MOST_EVENTS", 2)
    monkeypatch.setattr(sampling, "LARGEST", 1000)
    await house.hear(body(500, "post.third"), body(501, "post.failed", text="x" * 2000))
    await house.look()
    assert (await counted())["post.failed"] == 2
    assert set(await counted()) == {"post.published", "post.failed"}


async def test_an_event_of_a_new_name_and_a_provider_that_is_no_longer_watched(house: House) -> None:
    await house.look()
    await house.hear(*(body(nth, "post.shared") for nth in range(100, 103)))
    assert len(await house.look()) == 1
    assert [(one.drift, one.event, len(one.posts)) for one in await house.open()] == [("event", "post.shared", 3)]
    await drift_monitor.look(house.database, {}, house.now)
    assert await house.open() == []
    await house.hear(body(103, "post.shared"))
    assert len(await house.look()) == 1
    house.now += timedelta(days=31)
    await house.look()
    assert await house.open() == []
