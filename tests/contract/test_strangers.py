"""What strangers may take up at any address: bounded headers, bodies, time, connections and bytes, on both ways."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.raw import said, statuses
from tests.contract.serving import knocking
from tests.contract.test_door import DOOR, body, signed
from tests.contract.test_plain_webhooks import a_receiver, request
from tracker.runtime.http_server import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.store.database import Database

pytestmark = pytest.mark.anyio
both_ways = pytest.mark.parametrize("directly", [True, False], ids=["directly", "the usual way"])

HASTY = Limits(header=0.4, body=0.4, idle=0.4)
UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
ELSEWHERE = b"/healthz"


@asynccontextmanager
async def at_the_door(database: Database, directly: bool, limits: Limits | None = None) -> AsyncIterator[int]:
    """The port of a door."""
    async with knocking(database, a_receiver(database), directly=directly, limits=limits) as client:
        yield client.base_url.port or 0


def told(heard: bytes) -> tuple[int, str, Any]:
    """Status, kind and content of the first answer."""
    head, _, content = heard.partition(b"\r\n\r\n")
    kind = head.lower().partition(b"content-type: ")[2].partition(b"\r\n")[0].decode()
    return statuses(heard)[0], kind, json.loads(content)


@both_ways
@pytest.mark.parametrize("target", [DOOR, "/healthz"])
async def test_a_header_without_an_end_is_refused_as_soon_as_it_is_too_long(
    database: Database, directly: bool, target: str
) -> None:
    """At the door in its own words, elsewhere as a problem; nobody else waits meanwhile."""
    async with at_the_door(database, directly) as port:
        begun = f"POST {target} HTTP/1.1\r\nHost: x\r\nX-A: ".encode()
        endless = asyncio.create_task(said(port, begun, *[b"a" * 65_536] * 40))
        assert statuses(await said(port, request(body(), "Connection: close\r\n"))) == [200]
        status, kind, content = told(await endless)
    assert status == 431
    assert (kind, "error" in content) == (
        ("application/json", True) if target == DOOR else ("application/problem+json", False)
    )


@both_ways
async def test_too_many_lines_are_refused(database: Database, directly: bool) -> None:
    async with at_the_door(database, directly) as port:
        lines = "".join(f"X-{number}: y\r\n" for number in range(101))
        assert statuses(await said(port, request(body(), lines))) == [431]


@both_ways
@pytest.mark.parametrize("sent", [request(body())[:40], request(body())[:-5]], ids=["half a head", "half a body"])
async def test_what_comes_too_slowly_is_refused_with_408(database: Database, directly: bool, sent: bytes) -> None:
    """However it drips: the time counts from the request's begin."""
    async with at_the_door(database, directly, HASTY) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        heard = asyncio.create_task(reader.read())
        for place in range(len(sent)):
            writer.write(sent[place : place + 1])
            await asyncio.wait([heard], timeout=0.02)
            if heard.done():
                break
        async with asyncio.timeout(10):
            status, kind, content = told(await heard)
        writer.close()
    assert (status, kind, list(content)) == (408, "application/json", ["error"])


@both_ways
async def test_a_connection_that_says_nothing_is_closed_without_a_word(database: Database, directly: bool) -> None:
    """From the beginning, or after it was answered."""
    async with at_the_door(database, directly, HASTY) as port:
        assert await said(port) == b""
        assert statuses(await said(port, request(body()))) == [200]


@both_ways
async def test_idle_connections_give_way_to_who_has_something_to_say(database: Database, directly: bool) -> None:
    async with at_the_door(database, directly, Limits(connections=10)) as port, AsyncExitStack() as stack:
        idle = []
        for number in range(50):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(b"POST /webhooks/x HTTP/1.1\r\n" if number % 2 else b"")
            idle.append(reader)
        closed = "Connection: close\r\n"
        sent = [request(body(post=f"p{n}"), closed, delivery=f"d{n}") for n in range(30)]
        assert [statuses(await said(port, one)) for one in sent] == [[200]] * 30
        async with asyncio.timeout(10):
            assert statuses(await idle[1].read()) in ([], [503])


@both_ways
async def test_half_sent_bodies_give_way_beyond_the_bytes_that_may_wait(database: Database, directly: bool) -> None:
    limits = Limits(waiting_bytes=2 * 2**20)
    async with at_the_door(database, directly, limits) as port, AsyncExitStack() as stack:
        half = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" % DOOR.encode())
            writer.write(b"x" * 500_000)
            half.append(asyncio.create_task(reader.read()))
        closed = "Connection: close\r\n"
        sent = [request(body(post=f"p{n}"), closed, delivery=f"d{n}") for n in range(10)]
        assert [statuses(await said(port, one)) for one in sent] == [[200]] * 10
        async with asyncio.timeout(20):
            while sum(one.done() for one in half) < 16:
                await asyncio.wait([one for one in half if not one.done()], return_when=asyncio.FIRST_COMPLETED)
        answers = [statuses(one.result()) for one in half if one.done()]
        assert all(answer in ([503], []) for answer in answers)
        assert sum(one.done() for one in half) == 16
        for one in half:
            one.cancel()


@both_ways
async def test_an_offered_upgrade_is_ignored_and_the_body_read(database: Database, directly: bool) -> None:
    async with at_the_door(database, directly, HASTY) as port:
        assert statuses(await said(port, request(body(), UPGRADE))) == [200]
        websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        assert statuses(await said(port, request(body(post="p2"), websocket, delivery="d2"))) == [200]
        posted = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n%b\r\n{}" % UPGRADE.encode()
        get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        assert statuses(await said(port, posted, get)) == [405, 200]


@both_ways
async def test_a_signature_that_came_twice_must_say_the_same(database: Database, directly: bool) -> None:
    """And a trailer replaces nothing."""
    right = signed(body())["X-SosyalKopru-Signature"]
    wrong = f"sha256={'0' * 64}"
    plain = request(body()).replace(f"X-SosyalKopru-Signature: {right}\r\n".encode(), b"")
    assert plain != request(body())

    def with_lines(*values: str) -> bytes:
        lines = "".join(f"X-SosyalKopru-Signature: {value}\r\n" for value in values)
        return plain.replace(b"Host:", f"{lines}Host:".encode(), 1)

    async with at_the_door(database, directly, HASTY) as port:
        for values, status in (((right, wrong), 401), ((wrong, right), 401), ((right, right), 200)):
            assert statuses(await said(port, with_lines(*values))) == [status], values
        chunked = request(body(post="p9"), delivery="d9").replace(
            b"Content-Length: %d" % len(body(post="p9")), b"Transfer-Encoding: chunked"
        )
        head, _, content = chunked.partition(b"\r\n\r\n")
        trailer = b"X-SosyalKopru-Signature: %b\r\n" % wrong.encode()
        sent = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n%b\r\n" % (len(content), content, trailer)
        assert statuses(await said(port, sent)) == [200]


@both_ways
async def test_the_server_does_not_say_what_it_is_made_of(database: Database, directly: bool) -> None:
    async with at_the_door(database, directly, HASTY) as port:
        heard = await said(port, request(body()), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"nonsense\r\n\r\n")
    assert statuses(heard) == [200, 200, 400]
    assert b"server:" not in heard.lower()


async def _asked_without_end(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        await writer.drain()


async def test_who_does_not_read_the_answers_is_let_go(database: Database) -> None:
    """And does not make us keep more and more of them."""
    async with at_the_door(database, True, Limits(stalled=0.4)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        async with asyncio.timeout(60):
            with pytest.raises(ConnectionError):
                await _asked_without_end(writer)
        writer.close()
        assert statuses(await said(port, request(body(), "Connection: close\r\n"))) == [200]
        assert reader is not None


async def test_the_figures_name_their_charset_once(database: Database) -> None:
    async with knocking(database, a_receiver(database)) as client:
        kind = (await client.get("/metrics")).headers["content-type"]
    assert kind.startswith("text/plain")
    assert kind.count("charset=") == 1
