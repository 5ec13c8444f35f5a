"""The receiver: nothing is acknowledged before it is committed, and what cannot be kept is asked for again."""

from __future__ import annotations

import asyncio
import hmac
import json
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.integration.blocking import until_blocked
from tests.integration.told import NOON, PROVIDER, told
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.errors import NotFound, Rejected, Unavailable
from tracker.providers import build_providers
from tracker.receive.append_batcher import MANY
from tracker.receive.quarantine_replay import Replay, Verdict
from tracker.receive.receiver import Answer, Delivery, Receiver
from tracker.settings import Settings
from tracker.store.database import Database
from tracker.store.log.event_log import append
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tracker.providers.adapter import Adapter

pytestmark = pytest.mark.anyio

SECRET = "whsec-of-a-test"


def doors(*secrets: str) -> dict[str, Adapter]:
    """Sosyal Köprü with these secrets active."""
    provider = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "webhook_secrets": list(secrets)}
    return build_providers(Settings.model_validate({"providers": {PROVIDER: provider}}))


def a_delivery(post: str, status: str = "PUBLISHED", number: int = 0, secret: str = SECRET) -> Delivery:
    """As the provider sends it."""
    data = {"postId": post, "status": status, "platforms": []}
    body = json.dumps(
        {"event": f"post.{status.lower()}", "timestamp": "2026-11-10T12:00:00.000Z", "data": data}
    ).encode()
    return Delivery(PROVIDER, signed(body, f"{post}-{status}-{number}", secret), body)


def signed(body: bytes, delivery_id: str, secret: str = SECRET) -> dict[str, str]:
    signature = hmac.new(secret.encode(), body, sha256).hexdigest()
    return {"x-sosyalkopru-signature": f"sha256={signature}", "x-sosyalkopru-delivery": delivery_id}


@asynccontextmanager
async def receiving(database: Database, max_pending: int = 2000, *secrets: str) -> AsyncIterator[Receiver]:
    receiver = Receiver(database, doors(*(secrets or (SECRET,))), lambda: NOON, max_pending=max_pending)
    task = asyncio.create_task(receiver.run())
    try:
        yield receiver
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def count(database: Database, table: str = "events") -> int:
    async with database.connection() as conn:
        number: int = await conn.fetchval(f"select count(*) from {table}")
        return number


async def test_an_authentic_delivery_is_in_the_log_when_it_is_acknowledged(database: Database) -> None:
    async with receiving(database) as receiver:
        assert await receiver.receive(a_delivery("p1")) == Answer()
        assert await count(database) == 1
        assert await receiver.receive(a_delivery("p1")) == Answer(duplicate=True)


async def test_requests_that_arrive_during_a_commit_share_the_next_one(database: Database) -> None:
    async with receiving(database) as receiver:
        await asyncio.gather(*(receiver.receive(a_delivery(f"p{n}")) for n in range(200)))
    async with database.connection() as conn:
        commits, events = await conn.fetchrow("select count(distinct xid), count(*) from events")
    assert events == 200
    assert commits <= 3


async def test_many_that_wait_are_committed_beside_a_commit_that_takes_long(database: Database) -> None:
    async with receiving(database) as receiver, database.transaction() as blocking:
        await receiver.receive(a_delivery("of this day"))
        await append(blocking, [told("first", "published", 1, "first-PUBLISHED-0")])
        first = asyncio.create_task(receiver.receive(a_delivery("first")))
        await until_blocked(database)
        many = [receiver.receive(a_delivery(f"p{n}")) for n in range(MANY)]
        assert await asyncio.gather(*many) == [Answer()] * MANY
        few = [asyncio.create_task(receiver.receive(a_delivery(f"q{n}"))) for n in range(MANY - 1)]
        assert await count(database) == 1 + MANY
        await blocking.execute("rollback; begin")
        assert await asyncio.gather(first, *few) == [Answer()] * MANY
    async with database.connection() as conn:
        commits, events = await conn.fetchrow("select count(distinct xid), count(*) from events")
    assert (commits, events) == (4, 1 + 2 * MANY)


async def test_beyond_the_bound_it_asks_to_come_again_and_keeps_every_one_it_took(database: Database) -> None:
    async with receiving(database, 10) as receiver, database.transaction() as blocking:
        await blocking.execute("lock table deliveries in exclusive mode")
        first = asyncio.create_task(receiver.receive(a_delivery("first")))
        await until_blocked(database)
        tries = [asyncio.create_task(receiver.receive(a_delivery(f"p{n}"))) for n in range(30)]
        done, _ = await asyncio.wait(tries, return_when=asyncio.FIRST_EXCEPTION)
        refused = [task for task in tries if task.done() and isinstance(task.exception(), Unavailable)]
        assert len(refused) == 20
        await blocking.execute("select 1")
        taken = [task for task in tries if task not in refused]
        assert done
        await blocking.execute("commit; begin")
        assert [await task for task in (first, *taken)] == [Answer()] * 11
    assert await count(database) == 11


async def test_while_postgres_is_away_nothing_is_acknowledged_and_afterwards_all_goes_on(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    dsn = server.start()
    await upgrade(dsn)
    async with Database.open(dsn) as database, receiving(database) as receiver:
        assert await receiver.receive(a_delivery("before")) == Answer()
        server.stop()
        with pytest.raises(Unavailable):
            await receiver.receive(a_delivery("during"))
        server.start()
        assert await receiver.receive(a_delivery("after")) == Answer()
        assert await receiver.receive(a_delivery("during")) == Answer()
        assert await count(database) == 3
    server.stop()


async def test_a_wrong_signature_is_refused_and_can_be_taken_in_once_the_secret_is_put_right(
    database: Database,
) -> None:
    async with receiving(database) as receiver:
        with pytest.raises(Rejected, match="signature"):
            await receiver.receive(a_delivery("p1", secret="of yesterday"))
        await receiver.flush_unauthentic()
    assert await count(database) == 0
    still_wrong = Replay(database, doors(SECRET), lambda: NOON)
    assert (await still_wrong.replay(1)).outcome == "held"
    put_right = Replay(database, doors(SECRET, "of yesterday"), lambda: NOON)
    assert await put_right.replay(1, dry_run=True) == Verdict(1, "kept")
    assert (await put_right.replay(1)).outcome == "kept"
    assert (await put_right.replay(1)).outcome == "replayed"
    async with database.connection() as conn:
        assert await conn.fetchval("select delivery from events") == "p1-PUBLISHED-0"


async def test_forged_requests_fill_no_memory_and_no_disk(database: Database) -> None:
    async with receiving(database) as receiver:
        for n in range(1500):
            with suppress(Rejected):
                await receiver.receive(a_delivery(f"p{n}", secret="forged"))
            if n % 100 == 99:
                await receiver.flush_unauthentic()
    assert await count(database, "quarantine") == 1000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "not_json"),
        (b"{}", "no_event"),
        (b'{"event": "post.published", "data": {}}', "no_post"),
        (b'{"event": "post.published", "data": {"postId": "nul\\u0000"}}', "bad_post"),
        (b'{"event": "post.published", "data": {"postId": "\\ud800"}}', "bad_post"),
    ],
)
async def test_what_is_authentic_but_unusable_is_kept_in_quarantine_once(
    database: Database, body: bytes, reason: str
) -> None:
    async with receiving(database) as receiver:
        for _ in range(2):
            answer = await receiver.receive(Delivery(PROVIDER, signed(body, "d1"), body))
            assert answer == Answer(quarantined=reason)
    assert (await count(database), await count(database, "quarantine")) == (0, 1)


async def test_an_unknown_event_is_kept_and_makes_no_post(database: Database) -> None:
    body = b'{"event": "webhook.test"}'
    async with receiving(database) as receiver:
        assert await receiver.receive(Delivery(PROVIDER, signed(body, "d1"), body)) == Answer()
        with pytest.raises(NotFound):
            await receiver.receive(Delivery("nobody", signed(body, "d1"), body))
    assert await count(database) == 1
