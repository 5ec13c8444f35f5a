"""The one HTTP client against servers that behave, and servers that do not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import timedelta
from email.utils import formatdate
from time import monotonic, time

import pytest

from tests.integration.hostile import CERTIFICATE, Handler, answering, read_request, serving
from tracker.domain.actions import Reason
from tracker.outbound.addresses import Allowed, OutboundError
from tracker.outbound.client import Answer, Outbound

pytestmark = pytest.mark.anyio

LOOPBACK = Allowed.parse(["127.0.0.0/8"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def fails(handler: Handler, *, tls: bool = False, scheme: str = "http", seconds: float = 5) -> OutboundError:
    """How a POST to a server with this handler fails."""
    async with (
        serving(handler, tls=tls) as server,
        Outbound(LOOPBACK, timeout=timedelta(seconds=seconds), max_answer=10_000) as out,
    ):
        with pytest.raises(OutboundError) as failed:
            await out.request("POST", server.url(scheme=scheme, host="localhost" if tls else "127.0.0.1"), body=b"{}")
    return failed.value


async def test_an_answer_is_a_value_whatever_its_status() -> None:
    """Status, headers in lower case, body and latency come back, and the status has a reason."""
    reply = b"HTTP/1.1 404 Nope\r\nX-Thing: a\r\nContent-Length: 3\r\n\r\nno!"
    async with serving(answering(reply)) as server, Outbound(LOOPBACK) as out:
        answer = await out.request("GET", server.url("/ü x?q=ç"))
    assert (answer.status, answer.headers["x-thing"], answer.body, answer.reason) == (
        404,
        "a",
        b"no!",
        Reason.NOT_FOUND,
    )
    assert answer.latency_ms >= 0


async def test_connections_are_used_again() -> None:
    """Several requests in a row share one connection."""
    async with serving(answering(OK)) as server, Outbound(LOOPBACK) as out:
        for _ in range(3):
            assert (await out.request("POST", server.url(), body=b"x" * 5000)).body == b"ok"
    assert server.connections == 1


async def test_each_request_has_its_own_allowance() -> None:
    """What earlier requests on the same connection have read does not count against the next."""
    big = b"HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n" + b"x" * 8000
    async with serving(answering(big)) as server, Outbound(LOOPBACK, max_answer=10_000) as out:
        sizes = [len((await out.request("GET", server.url())).body) for _ in range(3)]
    assert (sizes, server.connections) == ([8000] * 3, 1)


async def test_redirects_are_not_followed() -> None:
    """A redirect is the answer, so nobody can lead us on to an address that was never checked."""
    async with serving(answering(OK)) as inside:
        reply = f"HTTP/1.1 302 Found\r\nLocation: {inside.url()}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(answering(reply)) as server, Outbound(LOOPBACK) as out:
            answer = await out.request("GET", server.url())
    assert (answer.status, answer.reason, inside.connections) == (302, Reason.REDIRECT, 0)


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would make the connection in our place, past the rule."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving(answering(OK)) as server, Outbound(LOOPBACK) as out:
        assert (await out.request("GET", server.url())).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0", "localhost", "localhost.",
        "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "169.254.169.254", "10.0.0.1",
    ],
)  # fmt: skip
async def test_no_spelling_of_a_private_address_is_reached(host: str) -> None:
    """Whatever the spelling, the look-up decides, and no connection is made."""
    async with serving(answering(OK)) as server, Outbound() as out:
        for attempt in (out.request("GET", server.url(host=host)), out.check_url(server.url(host=host))):
            with pytest.raises(OutboundError) as refused:
                await attempt
            assert refused.value.reason in (Reason.BLOCKED, Reason.DNS)
            assert not refused.value.sent
    assert server.connections == 0


async def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time cannot lead us elsewhere: we connect to what was checked."""
    loop, asked = asyncio.get_running_loop(), []
    looked_up = loop.getaddrinfo

    async def changing(host: str, *args: object, **more: object) -> object:
        asked.append(host)
        return await looked_up("127.0.0.1" if host == "rebind.example" else host, *args, **more)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(loop, "getaddrinfo", changing)
    async with serving(answering(OK)) as server, Outbound(LOOPBACK) as out:
        await out.request("GET", server.url(host="rebind.example"))
    assert [host for host in asked if host == "rebind.example"] == ["rebind.example"]


async def test_a_name_with_one_private_address_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public address beside a private one does not open the private one."""

    async def mixed(*_: object, **__: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", mixed)
    async with Outbound() as out:
        with pytest.raises(OutboundError, match=r"leads to 127\.0\.0\.1"):
            await out.request("GET", "http://mixed.example/")


async def test_an_allowed_host_name_is_reached() -> None:
    """The operator may open one host by its name."""
    async with serving(answering(OK)) as server, Outbound(Allowed.parse(["localhost"])) as out:
        assert (await out.request("GET", server.url(host="localhost"))).status == 200
        await out.check_url(server.url(host="localhost"))
        with pytest.raises(OutboundError, match="blocked"):
            await out.request("GET", server.url(host="127.0.0.1"))


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "example.com", "http://", "http://u:p@example.com/", "http://x:99999/", "http://x:0/",
     "http://a b/", "http://fe80::1%25eth0/", "file:///etc/passwd", "http://[::1", "http://\x00/", "http://a\\b/"],
)  # fmt: skip
async def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    """Other schemes, passwords in the address and malformed hosts do not get as far as a look-up."""
    async with Outbound() as out:
        with pytest.raises(OutboundError) as refused:
            await out.request("GET", url)
    assert refused.value.reason is Reason.BLOCKED


async def test_a_name_that_does_not_exist_is_dns() -> None:
    """A look-up that fails has a reason of its own."""
    async with Outbound() as out:
        with pytest.raises(OutboundError) as failed:
            await out.request("GET", "http://no-such-host.invalid/")
    assert (failed.value.reason, failed.value.sent) == (Reason.DNS, False)


async def test_a_closed_port_is_refused_and_nothing_was_sent() -> None:
    """A request that found no server can be repeated safely."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with Outbound(LOOPBACK) as out:
        with pytest.raises(OutboundError) as failed:
            await out.request("POST", f"http://127.0.0.1:{port}/")
    assert (failed.value.reason, failed.value.sent) == (Reason.REFUSED, False)


async def test_a_connection_cut_after_the_request_may_have_been_heard() -> None:
    """Nothing came back, but the request had left: whoever sent it must not take it for undone."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    failed = await fails(cut)
    assert (failed.reason, failed.sent, failed.status) == (Reason.BAD_ANSWER, True, None)


async def test_silence_after_the_request_is_a_timeout_that_was_sent() -> None:
    """A server that takes the request and says nothing leaves the outcome unknown."""
    failed = await fails(answering(pause=60), seconds=0.3)
    assert (failed.reason, failed.sent) == (Reason.TIMEOUT, True)


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
async def test_a_slow_drip_meets_the_one_deadline(part: bytes) -> None:
    """Bytes that keep coming do not extend the time, in the headers as in the body."""
    began = monotonic()
    failed = await fails(answering(part, forever=b"x", pause=0.05), seconds=0.5)
    assert (failed.reason, failed.sent) == (Reason.TIMEOUT, True)
    assert monotonic() - began < 3


async def test_the_status_of_a_cut_answer_is_known() -> None:
    """When the head had come, the error says what it was."""
    failed = await fails(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", pause=60), seconds=0.3)
    assert failed.status == 200


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 500 + b"\r\n\r\n"),
    ],
)
async def test_endless_answers_stop_at_the_cap(head: bytes, more: bytes) -> None:
    """Bodies, chunks, headers and interim answers all count against the one number of bytes."""
    failed = await fails(answering(head, forever=more))
    assert (failed.reason, failed.sent) == (Reason.TOO_LARGE, True)


@pytest.mark.parametrize("said", [b"Content-Length: 20000\r\n\r\n", b"\r\n"])
async def test_the_status_is_known_of_an_answer_whose_excess_comes_with_its_head(said: bytes) -> None:
    """One that says "200 OK" was heard, however much comes behind that."""
    at_once = b"HTTP/1.1 200 OK\r\n" + said + b"x" * 20_000
    failed = await fails(answering(at_once))
    assert (failed.reason, failed.status, failed.accepted) == (Reason.TOO_LARGE, 200, True)


async def test_a_packed_answer_is_not_unpacked() -> None:
    """A small answer cannot become a large one here: bodies come as they are."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    async with serving(answering(reply)) as server, Outbound(LOOPBACK) as out:
        assert (await out.request("GET", server.url())).body == b"\x1f\x8b\x08\x00"


@pytest.mark.parametrize("garbage", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 50 + b"\r\n\r\n"])
async def test_what_is_not_http_is_a_bad_answer(garbage: bytes) -> None:
    """A server that speaks something else does not raise anything else."""
    failed = await fails(answering(garbage))
    assert (failed.reason, failed.sent) == (Reason.BAD_ANSWER, True)


async def test_a_server_without_tls_is_a_tls_fault() -> None:
    """https to a plain server sends nothing of the request."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    failed = await fails(plain, scheme="https")
    assert (failed.reason, failed.sent) == (Reason.TLS, False)


async def test_an_untrusted_certificate_is_a_tls_fault() -> None:
    """A certificate that nobody vouches for ends the connection before the request leaves."""
    failed = await fails(answering(OK), tls=True, scheme="https")
    assert (failed.reason, failed.sent) == (Reason.TLS, False)


async def test_tls_checks_the_name_although_the_address_was_dialled() -> None:
    """With its certificate trusted, the server is reached by its name, and not by another name of the same address."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with serving(answering(OK), tls=True) as server, Outbound(LOOPBACK, ssl_context=context) as out:
        answer = await out.request("GET", server.url(host="localhost", scheme="https"))
        assert answer.status == 200
        with pytest.raises(OutboundError) as failed:
            await out.request("GET", server.url(host="127.0.0.1", scheme="https"))
    assert failed.value.reason is Reason.TLS


async def asks_to_wait(value: str) -> timedelta | None:
    """The wish that a Retry-After of this value is read as."""
    reply = f"HTTP/1.1 429 Slow\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(answering(reply)) as server, Outbound(LOOPBACK) as out:
        answer: Answer = await out.request("GET", server.url())
    assert answer.reason is Reason.RATE_LIMITED
    return answer.retry_after


async def test_retry_after_is_seconds_or_a_date() -> None:
    """Both forms are read; nonsense is no wish; a date that has passed is no wait."""
    assert await asks_to_wait("120") == timedelta(seconds=120)
    wait = await asks_to_wait(formatdate(time() + 60, usegmt=True))
    assert wait is not None
    assert timedelta(seconds=50) < wait <= timedelta(seconds=60)
    assert await asks_to_wait(formatdate(0, usegmt=True)) == timedelta(0)
    for nonsense in ("soon", "-5", "1e9", "99999999999999999999"):
        assert await asks_to_wait(nonsense) is None


async def test_a_header_that_would_split_the_request_is_never_sent() -> None:
    """A line break in a header value stops the request here."""
    async with serving(answering(OK)) as server, Outbound(LOOPBACK) as out:
        with pytest.raises(OutboundError) as failed:
            await out.request("GET", server.url(), headers={"x": "a\r\nEvil: 1"})
    assert (failed.value.reason, failed.value.sent) == (Reason.INTERNAL, False)
