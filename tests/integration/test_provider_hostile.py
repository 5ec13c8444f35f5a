"""Every call of a provider's API against servers that answer badly: a named reason, in time, and nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.gates import OpenGate
from tests.integration.hostile import Handler, answering, read_request, serving
from tracker.domain.actions import Reason
from tracker.outbound.addresses import Allowed
from tracker.outbound.client import Outbound, Reply
from tracker.providers import build_clients
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.providers.client import ProviderClient

pytestmark = pytest.mark.anyio

KEY, DEADLINE = "sk_very_secret", 0.5
Call = Callable[["ProviderClient"], Awaitable[Reply[Any]]]

CALLS: dict[str, Call] = {
    "create": lambda client: client.create_post({"content": {"text": "x"}}, "k"),
    "get": lambda client: client.get_post("p"),
    "show": lambda client: client.show_post("p"),
    "list": lambda client: client.list_posts(),
    "retry": lambda client: client.retry_post("p", "k"),
    "usage": lambda client: client.usage(),
    "register": lambda client: client.register_webhook("https://x.example", ["post.failed"], "tracker"),
    "webhooks": lambda client: client.list_webhooks(),
    "test": lambda client: client.test_webhook("w"),
    "unregister": lambda client: client.delete_webhook("w"),
    "delete": lambda client: client.change_post("delete", "p", "k"),
    "cancel": lambda client: client.change_post("cancel", "p", "k"),
    "reschedule": lambda client: client.change_post("reschedule", "p", "k", datetime.now(UTC)),
}
READS_NOTHING = {"retry", "unregister", "delete", "cancel", "reschedule"}
"""Calls of whose answer only the status counts."""

DECLARED = {
    "delete": "DELETE /posts/{post}",
    "cancel": "POST /posts/{post}/cancel",
    "reschedule": 'PATCH /posts/{post} {"scheduledAt": "{at}"}',
}
"""Calls that this kind of provider does not document."""

HTML = b"<!doctype html><title>502</title><p>" + b"x" * 500


def http(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def speaks_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(http(b"{}"))
    await writer.drain()


SERVERS: dict[str, tuple[Handler, Reason, set[str]]] = {
    "wrong json": (answering(http(b'{"data": [')), Reason.BAD_ANSWER, READS_NOTHING),
    "other json": (answering(http(b'{"hello": "world"}')), Reason.BAD_ANSWER, READS_NOTHING),
    "a number": (answering(http(b"5")), Reason.BAD_ANSWER, READS_NOTHING),
    "deep json": (answering(http(b"[" * 90_000)), Reason.BAD_ANSWER, READS_NOTHING),
    "no success": (answering(http(b'{"success":false,"error":{"message":"no"}}')), Reason.BAD_ANSWER, set()),
    "html page": (answering(http(HTML, "502 Bad", "Content-Type: text/html\r\n")), Reason.HTTP_5XX, set()),
    "html success": (answering(http(HTML, headers="Content-Type: text/html\r\n")), Reason.BAD_ANSWER, READS_NOTHING),
    "half an answer": (answering(http(b"{}")[:-1], forever=b""), Reason.TIMEOUT, set()),
    "hangs up": (hangs_up, Reason.BAD_ANSWER, set()),
    "says nothing": (says_nothing, Reason.TIMEOUT, set()),
    "no http": (answering(b"220 mail.example ESMTP\r\n\r\n"), Reason.BAD_ANSWER, set()),
    "endless body": (
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", forever=b"1000\r\n%b\r\n" % (b"x" * 4096)),
        Reason.TOO_LARGE, set(),
    ),
    "endless headers": (answering(b"HTTP/1.1 200 OK\r\n", forever=b"X-A: b\r\n" * 500), Reason.TOO_LARGE, set()),
    "slow drip": (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", forever=b"x", pause=0.05), Reason.TIMEOUT, set(),
    ),
    "slow headers": (answering(b"HTTP/1.1 200 OK\r\n", forever=b"X-A: b\r\n", pause=0.05), Reason.TIMEOUT, set()),
}  # fmt: skip


@asynccontextmanager
async def client_of(url: str, gate: OpenGate, timeout: float = DEADLINE) -> AsyncIterator[ProviderClient]:
    section = {"kind": "sosyalkopru", "api_url": url, "api_key": KEY, "calls": DECLARED}
    settings = Settings.model_validate({"providers": {"sosyalkopru": section}})
    allowed, within = Allowed.parse(["127.0.0.1", "localhost"]), timedelta(seconds=timeout)
    async with Outbound(allowed, timeout=within, max_answer=100_000) as outbound:
        yield build_clients(settings, outbound, gate)["sosyalkopru"]


async def ends(client: ProviderClient, call: str) -> Reply[Any]:
    """The reply, which is there in time and holds no secret."""
    began = monotonic()
    reply = await CALLS[call](client)
    assert monotonic() - began < DEADLINE + 1
    assert KEY not in repr(reply)
    assert reply.exchange.request["method"]
    assert reply.exchange.response
    return reply


@pytest.mark.parametrize("server", SERVERS)
async def test_whatever_it_answers_each_call_ends_in_time_with_a_reason(server: str) -> None:
    """All calls at once; the gate is told of each, and the client can be used as before."""
    handler, reason, accepted = SERVERS[server]
    gate = OpenGate()
    async with serving(handler) as bad, client_of(bad.url(""), gate) as client:
        replies = await asyncio.gather(*(ends(client, call) for call in CALLS))
        for call, reply in zip(CALLS, replies, strict=True):
            wanted = Reason.OK if call in accepted else reason
            assert (call, reply.reason, reply.sent, reply.value is None) == (call, wanted, True, call not in accepted)
        assert sorted(heard.reason for heard in gate.told) == sorted(reply.reason for reply in replies)
        async with serving(answering(http(b'{"data":{"id":"p"}}'))) as good, client_of(good.url(""), gate) as other:
            assert (await ends(other, "create")).value == "p"


@pytest.mark.parametrize("call", CALLS)
async def test_a_redirect_to_a_private_address_is_not_followed(call: str) -> None:
    """Nor is one to anywhere else: it is the answer, and nobody is called there."""
    async with serving(answering(http(b'{"data":{"id":"p"}}'))) as inside:
        for place in (inside.url("/posts"), inside.url("/posts", host="localhost"), "http://169.254.169.254/latest"):
            handler = answering(http(b"", "307 There", f"Location: {place}\r\n"))
            async with serving(handler) as server, client_of(server.url(""), OpenGate()) as client:
                reply = await ends(client, call)
            assert (reply.reason, reply.status, reply.value) == (Reason.REDIRECT, 307, None)
        assert inside.connections == 0


@pytest.mark.parametrize("call", CALLS)
async def test_an_address_that_is_not_allowed_is_not_called(call: str) -> None:
    async with client_of("http://10.0.0.1", OpenGate()) as client:
        reply = await ends(client, call)
    assert (reply.reason, reply.sent) == (Reason.BLOCKED, False)


async def test_faults_on_the_way_there_are_named_and_nothing_was_sent() -> None:
    """No TLS where it is wanted, a certificate that nobody vouches for, a closed port, a name that does not exist."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(serving(speaks_at_once))
        secure = await stack.enter_async_context(serving(answering(http(b"{}")), tls=True))
        for url, reason in {
            plain.url("", scheme="https"): Reason.TLS,
            secure.url("", scheme="https", host="localhost"): Reason.TLS,
            closed: Reason.REFUSED,
            "https://no-such-host.invalid": Reason.DNS,
        }.items():
            gate = OpenGate()
            async with client_of(url, gate, timeout=10) as client:
                reply = await CALLS["create"](client)
            assert (url, reply.reason, reply.sent, reply.value) == (url, reason, False, None)
            assert [heard.reason for heard in gate.told] == [reason]


@pytest.mark.parametrize("call", ["register", "webhooks"])
@pytest.mark.parametrize("data", ['{"secret": "whsec_1"}', '[{"id": "w", "secret": "whsec_1"}]', '"whsec_1"'])
async def test_an_answer_that_may_hold_a_secret_is_not_remembered(call: str, data: str) -> None:
    """Not even where it is not understood."""
    async with (
        serving(answering(http(b'{"data":%b}' % data.encode()))) as server,
        client_of(server.url(""), OpenGate()) as client,
    ):
        reply = await ends(client, call)
    assert reply.exchange.response == {"status": 200}
    assert "whsec_1" not in repr(reply)


async def test_webhooks_are_listed_and_deleted() -> None:
    """An entry that names none is left out; the id is put into the path safely."""
    listed = b'{"success":true,"data":[{"id":"w1","url":"https://x","events":["post.failed"]},{"url":"y"},5,null]}'
    async with serving(answering(http(listed))) as server, client_of(server.url(""), OpenGate()) as client:
        webhooks = (await ends(client, "webhooks")).value or ()
        assert (await client.delete_webhook("../w")).value is True
    assert [(one.id, one.url, one.events) for one in webhooks] == [("w1", "https://x", ("post.failed",))]


async def test_a_deletion_that_answers_nothing_is_one() -> None:
    async with (
        serving(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as server,
        client_of(server.url(""), OpenGate()) as client,
    ):
        assert (await ends(client, "delete")).value is True


@pytest.mark.parametrize("post", ['""', "null", "[]", '"a\\u0000b"', f'"{"x" * 300}"'])
async def test_an_id_that_is_none_is_not_taken_for_a_post(post: str) -> None:
    async with (
        serving(answering(http(b'{"data":{"id":%b}}' % post.encode()))) as server,
        client_of(server.url(""), OpenGate()) as client,
    ):
        assert (await ends(client, "create")).reason is Reason.BAD_ANSWER
