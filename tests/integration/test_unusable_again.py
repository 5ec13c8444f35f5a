"""What is of no use and comes again is counted, at every kind's door; a signed nothing may be a reason to ask."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.told import NOON
from tests.unit.conforming import PATH, SECRETS, configured
from tests.unit.speaking import DOORS
from tracker.errors import Rejected
from tracker.providers import build_providers
from tracker.providers.signing import sign
from tracker.queries.quarantine import QuarantineQuery, list_quarantine
from tracker.receive.receiver import Answer, Delivery, Receiver
from tracker.store.calls.reconciliations import SENT_NOTHING
from tracker.store.log import quarantine, retention
from tracker.store.log.quarantine import Unusable

if TYPE_CHECKING:
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

ASKING = {"webhook": {"nothing_asks": True}}


class Door:
    """A provider's door, on the test's clock."""

    def __init__(self, database: Database, kind: str, more: dict[str, Any] | None = None) -> None:
        self.database, self.kind, self.at = database, kind, NOON
        self.adapter = build_providers(configured(kind, more or {}))[kind]
        self.receiver = Receiver(database, {kind: self.adapter}, self.now)

    def now(self) -> datetime:
        return self.at

    async def knock(self, body: bytes, after: float = 0, secret: str = SECRETS[0]) -> Answer:
        self.at += timedelta(seconds=after)
        scheme = self.adapter.verifier.scheme
        headers = sign(scheme, [secret.encode()], body, self.at)
        path = "" if scheme.form != "path" else PATH if secret == SECRETS[0] else "another"
        return await self.receiver.receive(Delivery(self.kind, headers, body, path))

    async def rounds(self) -> list[tuple[str, str]]:
        async with self.database.connection() as conn:
            rows = await conn.fetch("select provider, job from reconciliations order by wanted_at")
        return [(row["provider"], row["job"]) for row in rows]

    async def end_rounds(self) -> None:
        async with self.database.connection() as conn:
            await conn.execute("update reconciliations set state = 'done'")


@pytest.mark.parametrize("kind", DOORS)
async def test_what_is_of_no_use_and_comes_again_is_counted(database: Database, kind: str) -> None:
    door = Door(database, kind)
    for _ in range(3):
        assert await door.knock(b"no JSON", 60) == Answer(quarantined="not_json")
    await door.knock(b"nor this")
    async with database.connection() as conn:
        page = await list_quarantine(conn, QuarantineQuery())
        one = await quarantine.get(conn, page.items[1].id)
    told = [(item.times, item.received_at, item.last_at) for item in page.items]
    minute = timedelta(minutes=1)
    assert told == [(1, NOON + 3 * minute, NOON + 3 * minute), (3, NOON + minute, NOON + 3 * minute)]
    assert (one.times, one.last_at) == (3, NOON + 3 * minute)


async def test_equal_ones_of_one_batch_are_counted_too(database: Database) -> None:
    same = [Unusable("p", "no_post", True, "d", b"h", NOON + timedelta(seconds=n), {}, b"[]") for n in range(3)]
    async with database.transaction() as conn:
        await quarantine.keep(conn, same)
        await quarantine.keep(conn, same[:1])
        rows = await conn.fetch("select times, received_at, last_at from quarantine")
    assert [tuple(row) for row in rows] == [(4, NOON, NOON + timedelta(seconds=2))]


async def test_what_still_comes_is_not_forgotten(database: Database) -> None:
    door = Door(database, "sosyalkopru")
    await door.knock(b"no JSON")
    await door.knock(b"no JSON", 3600)
    async with database.transaction() as conn:
        await retention.prune_quarantine(conn, NOON + timedelta(minutes=1))
        assert await conn.fetchval("select count(*) from quarantine") == 1
        await retention.prune_quarantine(conn, NOON + timedelta(hours=2))
        assert await conn.fetchval("select count(*) from quarantine") == 0


@pytest.mark.parametrize("body", [b"[]", b"{}", b" []\n", b"null"], ids=str)
async def test_a_postiz_that_says_nothing_is_asked_at_most_once_a_minute(database: Database, body: bytes) -> None:
    door = Door(database, "postiz")
    for seconds in (0, 10, 40):
        await door.knock(body, seconds)
    await door.end_rounds()
    await door.knock(body, 5)
    assert await door.rounds() == [("postiz", SENT_NOTHING)]
    await door.knock(body, 10)
    assert await door.rounds() == [("postiz", SENT_NOTHING)] * 2


async def test_a_round_that_waits_is_enough(database: Database) -> None:
    door = Door(database, "postiz")
    await door.knock(b"[]")
    await door.knock(b"[]", 600)
    assert len(await door.rounds()) == 1


@pytest.mark.parametrize("kind", [kind for kind in DOORS if kind != "postiz"])
async def test_any_other_is_asked_where_it_is_said(database: Database, kind: str) -> None:
    await Door(database, kind).knock(b"{}")
    door = Door(database, kind, ASKING)
    assert await door.rounds() == []
    await door.knock(b"{}")
    assert await door.rounds() == [(kind, SENT_NOTHING)]


@pytest.mark.parametrize(
    ("more", "body", "secret"),
    [
        ({"webhook": {"nothing_asks": False}}, b"[]", SECRETS[0]),
        ({"api_key": ""}, b"[]", SECRETS[0]),
        ({}, b'[{"content": "hello"}]', SECRETS[0]),
        ({}, b"[]", "another"),
    ],
)
async def test_nobody_is_asked_without_a_reason_or_a_key(
    database: Database, more: dict[str, Any], body: bytes, secret: str
) -> None:
    """Nor because of somebody who only says that he is the provider."""
    door = Door(database, "postiz", more)
    try:
        await door.knock(body, secret=secret)
    except Rejected:
        assert secret == "another"
    assert await door.rounds() == []
