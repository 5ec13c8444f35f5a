"""What the HTTP client's connections do between exchanges, and when they end in the middle of one."""

from __future__ import annotations

import asyncio
import socket
import struct
from datetime import timedelta

import pytest

from tests.integration.hostile import Handler, answering, read_request, serving
from tracker.domain.actions import Reason
from tracker.outbound import connecting
from tracker.outbound.addresses import Allowed, OutboundError
from tracker.outbound.client import Outbound

pytestmark = pytest.mark.anyio

LOOPBACK = Allowed.parse(["127.0.0.0/8"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OTHER = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nother"


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection so that the other side hears of an error, and not of an end."""
    made: socket.socket = writer.get_extra_info("socket")
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("rudely", [False, True])
async def test_nothing_is_sent_twice(method: str, rudely: bool) -> None:
    """Also not what could be repeated by its method: whether it is, others decide."""

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if rudely:
            reset(writer)

    async with serving(hangs_up) as server, Outbound(LOOPBACK) as out:
        with pytest.raises(OutboundError) as failed:
            await out.request(method, server.url())
    assert (failed.value.reason, failed.value.sent, server.connections) == (Reason.BAD_ANSWER, True, 1)


@pytest.mark.parametrize("parts", [(OK + OTHER,), (OK[:-1], OK[-1:] + OTHER), (OK, OTHER)])
async def test_what_nobody_asked_for_answers_nothing(parts: tuple[bytes, ...]) -> None:
    """A second answer beside, behind or long after the first is not taken for that to the next request."""
    async with serving(answering(*parts, pause=0.02)) as server, Outbound(LOOPBACK) as out:
        for _ in range(3):
            assert (await out.request("GET", server.url())).body == b"ok"
            await asyncio.sleep(0.1)
    assert server.connections == 3


async def test_a_body_that_ends_with_an_error_is_not_whole() -> None:
    """Where no length is told the end of the connection is that of the body, but not every end."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.05)
        reset(writer)

    async with serving(cut) as server, Outbound(LOOPBACK) as out:
        with pytest.raises(OutboundError) as failed:
            await out.request("GET", server.url())
    assert (failed.value.reason, failed.value.sent, failed.value.status) == (Reason.BAD_ANSWER, True, 200)


async def test_no_more_connections_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "KEPT", 1)
    async with serving(answering(b"", OK, pause=0.05)) as server, Outbound(LOOPBACK) as out:
        for _ in range(2):
            await asyncio.gather(*(out.request("GET", server.url()) for _ in range(3)))
    assert server.connections == 3 + 2


async def test_the_next_address_is_tried_where_one_takes_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may lead to several; the request leaves once."""

    async def two(_host: str, port: int, **_: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
    async with serving(answering(OK)) as server, Outbound(LOOPBACK) as out:
        assert (await out.request("POST", server.url(host="two.example"))).body == b"ok"
    assert server.connections == 1


def answers(early: bytes) -> Handler:
    """A server that answers before it has read what it is asked, and reads no more."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(early)
        await writer.drain()
        await asyncio.sleep(0.2)

    return handle


async def test_an_answer_before_the_end_of_the_request_is_the_answer() -> None:
    """As of a server that does not want a body so large."""
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    async with serving(answers(early)) as server, Outbound(LOOPBACK, timeout=timedelta(seconds=2)) as out:
        assert (await out.request("POST", server.url(), body=b"x" * 1_000_000)).status == 413


async def test_a_fault_does_not_tell_the_address() -> None:
    """It may be secret, and is written otherwise by who quotes it."""
    async with serving(answering(b"HTTP/1.1 abc\r\n\r\n")) as server, Outbound(LOOPBACK) as out:
        with pytest.raises(OutboundError) as failed:
            await out.request("POST", server.url("/hooks/T0/very secret?key=a b"))
    assert failed.value.reason is Reason.BAD_ANSWER
    assert "secret" not in failed.value.detail
