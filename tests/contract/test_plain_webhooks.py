"""Plain webhooks, which the server hands over directly: which they are, and that both ways give the same answers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.contract.serving import knocking
from tests.contract.test_door import DOOR, SECRET, body, signed
from tests.integration.blocking import until_blocked
from tests.integration.told import NOON
from tracker.providers import build_providers
from tracker.receive.receiver import Receiver
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio


def a_receiver(database: Database) -> Receiver:
    """With which only ten may wait."""
    provider = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "webhook_secrets": [SECRET]}
    doors = build_providers(Settings.model_validate({"providers": {"sosyalkopru": provider}}))
    return Receiver(database, doors, lambda: NOON, max_pending=10)


@pytest.fixture
async def directly_only(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """Whatever takes the usual way finds nothing."""
    async with knocking(database, a_receiver(database), usual_way=False) as client:
        yield client


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """Both ways lead in."""
    async with knocking(database, a_receiver(database)) as client:
        yield client


def request(content: bytes, more: str = "", target: str = DOOR, delivery: str = "d1") -> bytes:
    """A request as it goes over the wire."""
    headers = signed(content, delivery) | {"Host": "tracker", "Content-Length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {target} HTTP/1.1\r\n{lines}{more}\r\n".encode() + content


@asynccontextmanager
async def connected(client: httpx2.AsyncClient) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the server."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Status, headers and body of the next answer."""
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(head[9:12]), head, await reader.readexactly(length)


async def kept(database: Database) -> int:
    async with database.connection() as conn:
        number: int = await conn.fetchval("select count(*) from events")
        return number


async def test_a_plain_webhook_is_handed_over_directly(directly_only: httpx2.AsyncClient, database: Database) -> None:
    response = await directly_only.post(DOOR, content=body(), headers=signed(body()))
    assert (response.status_code, response.json()) == (200, {"received": True})
    assert "date" in response.headers
    assert await kept(database) == 1


@pytest.mark.parametrize(
    "sent",
    [
        request(body(), "Expect: 100-continue\r\n"),
        request(body(), target=f"{DOOR}?a=b"),
        request(body(), target=DOOR.replace("k", "%6B")),
        request(body()).replace(b"POST", b"PUT"),
        request(body()).replace(b"/webhooks/", b"/elsewhere/"),
        request(body(padding="x" * 2**20)),
        request(body())
        .replace(b"Content-Length: %d" % len(body()), b"Transfer-Encoding: chunked")
        .replace(body(), b"%x\r\n%b\r\n0\r\n\r\n" % (len(body()), body())),
        b"GET /healthz HTTP/1.1\r\nHost: tracker\r\n\r\n",
    ],
)
async def test_what_is_out_of_the_ordinary_takes_the_usual_way(
    directly_only: httpx2.AsyncClient, database: Database, sent: bytes
) -> None:
    async with connected(directly_only) as (reader, writer):
        writer.write(sent)
        status, _, _ = await answer(reader)
    assert status == (200 if b"healthz" in sent else 404)
    assert await kept(database) == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_both_ways_answer_alike(client: httpx2.AsyncClient, database: Database, chunked: bool) -> None:
    async def pieces(content: bytes) -> AsyncIterator[bytes]:
        yield content

    told = []
    for address, content, headers in (
        (DOOR, body(), signed(body())),
        (DOOR, body(), signed(body(), "d2")),
        (DOOR, b"{", signed(b"{")),
        (DOOR, body(), signed(body(), secret="another")),
        ("/webhooks/nobody", body(), signed(body())),
        (f"{DOOR}/secret", body(), signed(body())),
    ):
        response = await client.post(address, content=pieces(content) if chunked else content, headers=headers)
        told.append((response.status_code, response.headers["content-type"], response.json()))
    nobody = {"error": 'no provider "{}" that sends webhooks here is configured'}
    assert told == [
        (200, "application/json", {"received": True}),
        (200, "application/json", {"received": True, "duplicate": True}),
        (200, "application/json", {"received": True, "quarantined": True, "reason": "not_json"}),
        (401, "application/json", {"error": "İmza geçersiz"}),
        (404, "application/json", {"error": nobody["error"].format("nobody")}),
        (404, "application/json", {"error": nobody["error"].format("sosyalkopru")}),
    ]


async def test_a_request_in_many_pieces_is_one_delivery(directly_only: httpx2.AsyncClient, database: Database) -> None:
    async with connected(directly_only) as (reader, writer):
        for place in range(len(request(body()))):
            writer.write(request(body())[place : place + 1])
            await writer.drain()
        assert (await answer(reader))[0] == 200
    assert await kept(database) == 1


async def test_requests_that_do_not_wait_for_answers_are_answered_in_their_order(
    client: httpx2.AsyncClient, database: Database
) -> None:
    async with connected(client) as (reader, writer):
        writer.write(request(body()) + request(b"{", delivery="d2") + request(body(post="p2"), delivery="d3"))
        answers = [await answer(reader) for _ in range(3)]
    assert [(status, b"quarantined" in text) for status, _, text in answers] == [
        (200, False),
        (200, True),
        (200, False),
    ]
    assert await kept(database) == 2


async def test_who_hangs_up_before_the_commit_harms_nobody(
    directly_only: httpx2.AsyncClient, database: Database
) -> None:
    async with database.transaction() as blocking:
        await blocking.execute("lock table deliveries in exclusive mode")
        async with connected(directly_only) as (_, writer):
            writer.write(request(body()))
            await until_blocked(database)
    response = await directly_only.post(DOOR, content=body(post="p2"), headers=signed(body(post="p2"), "d2"))
    assert response.status_code == 200
    assert await kept(database) == 2


async def test_beyond_the_bound_the_sender_is_asked_to_come_again(
    directly_only: httpx2.AsyncClient, database: Database
) -> None:
    async with connected(directly_only) as (first_reader, first), connected(directly_only) as (reader, writer):
        async with database.transaction() as blocking:
            await blocking.execute("lock table deliveries in exclusive mode")
            first.write(request(body()))
            await until_blocked(database)
            bodies = [body(post=f"p{n}") for n in range(11)]
            waiting = [
                asyncio.create_task(directly_only.post(DOOR, content=content, headers=signed(content, f"e{n}")))
                for n, content in enumerate(bodies)
            ]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refused = done.pop().result()
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
            writer.write(request(body(post="over"), delivery="over"))
            status, head, _ = await answer(reader)
            assert (status, b"retry-after: 2" in head) == (503, True)
        assert (await answer(first_reader))[0] == 200
        assert sorted([(await task).status_code for task in waiting]) == [200] * 10 + [503]
    assert await kept(database) == 11
