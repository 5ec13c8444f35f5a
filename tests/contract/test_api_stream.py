"""`/events/stream`: what a listener is told, from where, and what it is refused."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import bearer, project, serving
from tests.contract.streaming import first_id, hear, listen, record, streaming
from tests.integration.corridor import READERS
from tests.integration.told import NOON, PROVIDER, told
from tracker.api import Parts, application
from tracker.process import processor
from tracker.store.checkpoints import subscriptions
from tracker.store.log import feed
from tracker.store.log.feed import Checkpoint, ResumeToken
from tracker.store.wakeups import Wakeups
from tracker.stream.broadcast import Broadcast, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A served stream that gives a sign of life often, and a client with a key that may read."""
    async with streaming(database, Limits(beat=0.2)) as client:
        client.headers |= await bearer(database, "read")
        yield client


async def test_an_event_is_told_with_what_it_changed(client: httpx2.AsyncClient, database: Database) -> None:
    begin = await first_id(client)
    await project(database, told("p1", "scheduled", 1), told("p1", "failed", 2, targets={"x": "failed"}))
    first, second = await hear(client, 2, begin)
    assert first.data is not None
    assert second.data is not None
    assert {name: second.data[name] for name in ("type", "post", "provider", "before", "after", "kind", "attempt")} == {
        "type": "post.failed", "post": "p1", "provider": PROVIDER, "before": "scheduled", "after": "failed",
        "kind": "moved", "attempt": 1,
    }  # fmt: skip
    assert [(move["target"], move["after"]) for move in second.data["moves"]] == [("x#1", "failed"), (None, "failed")]
    assert second.data["occurred_at"] == "2026-11-10T12:00:02Z"
    listed = (await client.get("/api/v1/events")).json()["items"]
    assert [first.data["position"], second.data["position"]] == [event["position"] for event in listed]


async def test_without_an_id_it_begins_now(client: httpx2.AsyncClient, database: Database) -> None:
    await project(database, told("p1", "scheduled", 1))
    async with aclosing(listen(client)) as heard:
        assert (await anext(heard)).data is None
        await project(database, told("p2", "scheduled", 2))
        async for one in heard:
            if one.data:
                assert one.data["post"] == "p2"
                break


async def test_from_any_id_it_goes_on_right_after_it(client: httpx2.AsyncClient, database: Database) -> None:
    """Also in the middle of what one transaction brought."""
    begin = await first_id(client)
    async with database.transaction() as conn:
        await record(conn, 1, 2, 3)
    async with database.transaction() as conn:
        await record(conn, 4, 5)
    await project(database)
    whole = await hear(client, 5, begin)
    assert [one.data and one.data["post"] for one in whole] == ["p1", "p2", "p3", "p4", "p5"]
    for place, one in enumerate(whole[:-1], 1):
        rest = await hear(client, 5 - place, one.id)
        assert [later.id for later in rest] == [later.id for later in whole[place:]]


@pytest.mark.parametrize(
    "filters", [{"type": "post.failed"}, {"post": "p2"}, {"post": "p2", "provider": PROVIDER}], ids=str
)
async def test_filters_leave_out_the_rest(
    client: httpx2.AsyncClient, database: Database, filters: dict[str, str]
) -> None:
    begin = await first_id(client)
    await project(database, told("p1", "scheduled", 1), told("p2", "failed", 2), told("p3", "scheduled", 3))
    (one,) = await hear(client, 1, begin, **filters)
    assert one.data
    assert one.data["post"] == "p2"


async def test_a_sign_of_life_moves_the_place_on_past_what_a_filter_left_out(
    client: httpx2.AsyncClient, database: Database
) -> None:
    begin = await first_id(client)
    async with aclosing(listen(client, begin, post="nobody")) as heard:
        await anext(heard)
        await project(database, told("p1", "scheduled", 1))
        async with database.connection() as conn:
            folded = await subscriptions.seen_by_all(conn, processor.NAME)
        assert folded
        async for one in heard:
            assert one.data is None
            if ResumeToken.parse(one.id).seen.holds(folded):
                break
    await project(database, told("p2", "scheduled", 2))
    (one,) = await hear(client, 1, one.id)
    assert one.data
    assert one.data["post"] == "p2"


@pytest.mark.parametrize("last", ["7", "1.9", "1.0.", "0.5.", "1.9.9", "1.9.-1", "1.٣.", "1.5..1", "x" * 9000])
async def test_an_id_that_no_stream_gave_out_is_refused(client: httpx2.AsyncClient, last: str) -> None:
    answer = await client.get("/api/v1/events/stream", headers=[(b"Last-Event-ID", last.encode())])
    assert (answer.status_code, answer.json()["parameter"]) == (400, "Last-Event-ID")


@pytest.mark.parametrize("ahead", [ResumeToken(Checkpoint(1, 2**40, 2**40)), ResumeToken(Checkpoint(2, 5, 5))], ids=str)
async def test_an_id_of_another_log_is_refused(client: httpx2.AsyncClient, ahead: ResumeToken) -> None:
    answer = await client.get("/api/v1/events/stream", headers={"Last-Event-ID": str(ahead)})
    assert (answer.status_code, answer.json()["parameter"]) == (400, "Last-Event-ID")
    assert "another" in answer.json()["detail"]


async def test_it_needs_a_key_and_knows_its_parameters(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/events/stream?pots=p1")
    assert 'did you mean "post"' in answer.json()["detail"]
    answer = await client.get("/api/v1/events/stream", headers={"Authorization": "Bearer no"})
    assert answer.status_code == 401


async def test_one_more_than_may_listen_is_asked_to_come_again(database: Database) -> None:
    async with streaming(database, Limits(listeners=1)) as client:
        client.headers |= await bearer(database, "read")
        async with aclosing(listen(client)) as heard:
            await anext(heard)
            answer = await client.get("/api/v1/events/stream")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_a_process_that_does_not_read_the_log_lets_nobody_listen(database: Database) -> None:
    async with serving(application(Parts(database, lambda: NOON, None))) as client:
        client.headers |= await bearer(database, "read")
        assert (await client.get("/api/v1/events/stream")).status_code == 503


async def test_a_listener_that_does_not_keep_up_is_cut_off_and_the_others_are_not(database: Database) -> None:
    limits = Limits(backlog=5, pace=0)
    broadcast = Broadcast(database, READERS, lambda change, place: (int((change.post or "")[1:]), place), limits)
    async with Wakeups(database.dsn).listening() as wakeups:
        reading = asyncio.create_task(broadcast.run(wakeups))
        slow, quick = broadcast.listen(None), broadcast.listen(None)
        await anext(slow)
        begin = (await anext(quick)).place
        got: list[int] = []
        for number in range(1, 20):
            async with database.connection() as conn:
                await record(conn, number)
            await project(database)
            got += [number for number, _ in (await anext(quick)).items]
        assert got == list(range(1, 20))
        assert [news async for news in slow] == []
        resumed = broadcast.listen(begin)
        again: list[int] = []
        while len(again) < 19:
            again += [number for number, _ in (await anext(resumed)).items]
        assert again == got
        broadcast.close()
        assert [news async for news in quick] == []
        reading.cancel()


async def test_one_that_hangs_while_it_is_sent_something_is_ended(database: Database) -> None:
    broadcast = Broadcast(database, READERS, lambda change, _: change.cause, Limits(backlog=2, pace=0, patience=0.05))
    hanging = asyncio.Event()

    async def hang() -> None:
        async with aclosing(broadcast.listen(None)) as news:
            await anext(news)
            hanging.set()
            await asyncio.Event().wait()

    async with Wakeups(database.dsn).listening() as wakeups:
        reading, hung = asyncio.create_task(broadcast.run(wakeups)), asyncio.create_task(hang())
        await hanging.wait()
        async with database.connection() as conn:
            await record(conn, 1, 2, 3)
        await project(database)
        async with asyncio.timeout(10):
            await asyncio.wait([hung])
        assert hung.cancelled()
        reading.cancel()


async def test_all_who_listen_share_one_reader(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, what comes is read once."""
    async with streaming(database, Limits(pace=0.2)) as client:
        client.headers |= await bearer(database, "read")
        streams = [listen(client) for _ in range(20)]
        await asyncio.gather(*(anext(one) for one in streams))
        read, read_after = [], feed.read_after

        async def counted(*args: object) -> feed.Batch:
            batch = await read_after(*args)  # type: ignore[arg-type]  # whatever it is given
            read.extend(batch.rows)
            return batch

        monkeypatch.setattr(feed, "read_after", counted)
        async with database.connection() as conn:
            await record(conn, 1, 2, 3)
        await project(database)
        for one in streams:
            assert [(await anext(one)).data is not None for _ in range(3)] == [True] * 3
            await one.aclose()
        assert len(read) == 3
