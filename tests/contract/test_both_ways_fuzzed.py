"""Whatever is sent, however it is cut: both ways into the server give the same answers and keep the same."""

from __future__ import annotations

import asyncio
import hmac
import threading
from concurrent.futures import Future
from contextlib import AsyncExitStack
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from tests.contract.raw import said, statuses
from tests.contract.serving import knocking
from tests.contract.test_door import SECRET, a_receiver
from tests.contract.test_door import body as webhook
from tracker.runtime.http_server import Limits
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.databases import Databases

MAX_BODY = 4096
HASTY = Limits(header=1, body=1, idle=1)
LAST = b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"

often = some.sampled_from
METHODS = often([b"POST"] * 6 + [b"GET", b"HEAD", b"PUT", b"OPTIONS", b"BREW", b"post", b"CONNECT", b""])
DOOR = b"/webhooks/sosyalkopru"
TARGETS = often(
    [DOOR] * 6
    + [
        DOOR + b"?a=b", DOOR + b"#a", DOOR.replace(b"k", b"%6B"), b"http://h" + DOOR, b"http://h:1",
        DOOR + b"/", b"/" + DOOR,
        DOOR + b"/secret", b"/webhooks", b"/webhooks/../webhooks/sosyalkopru", b"/healthz", b"*", b"h:1",
        b"/a b", b"/\xff",
        b"/webhooks/nobody", b"/webhooks/%00", b"/%zz",
    ]
)  # fmt: skip
VERSIONS = often([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.1 ", b""])
HOSTS = often(
    [[b"Host: h"]] * 8 + [[], [b"Host: h", b"Host: h"], [b"Host: a b"], [b"host:"], [b"Host: [::1]:80"], [b"Host : h"]]
)
CODINGS = often(
    [b"chunked"] * 4
    + [b"Chunked", b"gzip, chunked", b"identity", b"chunked, chunked", b"x", b"\tchunked ", b"chunked;a=b"]
)
ODD = often(
    [
        b"Connection: close", b"Connection: keep-alive", b"Connection: Upgrade\r\nUpgrade: h2c", b"Upgrade: websocket",
        b"Connection: upgrade\r\nUpgrade: websocket", b"Expect: 100-continue", b"Expect: more", b"X-A: b\r\n c", b"X-A",
        b"X A: b", b": x", b"X-A: \xff\xfe", b"X-A: \x00", b"X-A: b\rc", b"X-A: b\nX-B: c", b"X-A: " + b"y" * 33_000,
        b"\r\n".join(b"X-%d: y" % n for n in range(101)), b"Content-Length: 1", b"Transfer-Encoding: chunked",
        b"Accept-Encoding: gzip", b"Content-Encoding: gzip", b"X-Forwarded-For: 1.2.3.4", b"Keep-Alive: 5",
        b"TE: trailers",
    ]
)  # fmt: skip
SIGNATURES = often(["right"] * 6 + ["wrong", "none", "twice", "right, then wrong", "wrong, then right", "in capitals"])
EXTENSIONS = often([b""] * 5 + [b";a=b", b';a="b"', b";", b" ", b";a=\x00"])
TRAILERS = often([b""] * 4 + [b"X-SosyalKopru-Signature: sha256=00\r\n", b"Host: other\r\n", b"no trailer\r\n"])
ENDS = often([b"\r\n"] * 30 + [b"\n", b"\r\r\n"])


def signature_lines(kind: str, body: bytes) -> list[bytes]:
    name = b"X-SosyalKopru-Signature"
    right = b"%b: sha256=%b" % (name, hmac.new(SECRET.encode(), body, sha256).hexdigest().encode())
    wrong = b"%b: sha256=%b" % (name, b"0" * 64)
    return {
        "right": [right], "wrong": [wrong], "none": [], "twice": [right, right], "right, then wrong": [right, wrong],
        "wrong, then right": [wrong, right], "in capitals": [right.replace(name, name.upper())],
    }[kind]  # fmt: skip


@some.composite
def requests(draw: some.DrawFn, number: int) -> bytes:
    """One request, most of whose parts are right."""
    post = f"p{number}"
    body = draw(often([webhook(post=post)] * 6 + [b"", b"{", webhook(post=post, padding="x" * 5000), b"x" * 70_000]))
    end = draw(ENDS)
    lines = [b" ".join([draw(METHODS), draw(TARGETS), draw(VERSIONS)]), *draw(HOSTS)]
    lines += [*signature_lines(draw(SIGNATURES), body), b"X-SosyalKopru-Delivery: d%d" % number]
    kind = draw(often(["length"] * 6 + ["chunked"] * 4 + ["none", "both", "wrong length", "odd length"]))
    if kind in ("length", "both"):
        lines.append(b"Content-Length: %d" % len(body))
    if kind == "wrong length":
        lines.append(b"Content-Length: %d" % max(0, len(body) + draw(some.integers(-3, 3))))
    if kind == "odd length":
        lines.append(b"Content-Length: " + draw(often([b"+5", b"0x5", b"5, 5", b"-1", b"", b"9" * 30, b"1_0", b"007"])))
    if kind in ("chunked", "both"):
        lines.append(b"Transfer-Encoding: " + draw(CODINGS))
        places = sorted({0, len(body), *draw(some.lists(some.integers(0, len(body)), max_size=3))})
        pieces = [body[start:stop] for start, stop in pairwise(places)]
        body = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), draw(EXTENSIONS), piece) for piece in pieces)
        body += b"0%b\r\n%b\r\n" % (draw(EXTENSIONS), draw(TRAILERS))
    odd = draw(some.lists(ODD, max_size=2)) if draw(some.booleans()) else []
    lines[1:] = draw(some.permutations(lines[1:] + odd))
    return end.join([*lines, b"", b""]) + body


@some.composite
def streams(draw: some.DrawFn) -> tuple[bytes, ...]:
    """What comes on one connection: requests that do not wait for answers, cut anywhere."""
    sent = b"".join(draw(requests(number)) for number in range(draw(some.integers(1, 3)))) + LAST
    places = sorted({0, len(sent), *draw(some.lists(some.integers(0, len(sent)), max_size=6))})
    return tuple(sent[start:stop] for start, stop in pairwise(places))


class Door:
    """One way in, with a database of its own."""

    def __init__(self, database: Database, port: int) -> None:
        self._database, self._port = database, port

    async def answers(self, pieces: Sequence[bytes]) -> tuple[list[int], list[tuple[str, bytes]]]:
        """The statuses, and what is kept by now."""
        found = [status for status in statuses(await said(self._port, *pieces)) if status != 100]
        async with self._database.connection() as conn:
            rows = await conn.fetch(
                "select * from (select 'event' as place, position as id, body from events union all"
                " select 'quarantine', id, body from quarantine where authentic) as kept order by place, id"
            )
        kept = [(row["place"], row["body"]) for row in rows]
        return found, kept


class Doors:
    """Both, for a test without an event loop."""

    def __init__(self, doors: Sequence[Door], loop: asyncio.AbstractEventLoop) -> None:
        self._doors, self._loop = doors, loop

    def answers(self, pieces: Sequence[bytes]) -> list[tuple[list[int], list[tuple[str, bytes]]]]:
        """Of both, to the same."""
        return asyncio.run_coroutine_threadsafe(self._answers(pieces), self._loop).result(60)

    async def _answers(self, pieces: Sequence[bytes]) -> list[tuple[list[int], list[tuple[str, bytes]]]]:
        return [*await asyncio.gather(*(door.answers(pieces) for door in self._doors))]


@pytest.fixture(scope="module")
def doors(databases: Databases) -> Iterator[Doors]:
    """Where plain webhooks are handed over directly, and where all go the usual way."""
    ready: Future[Doors] = Future()
    over = threading.Event()
    urls = [databases.clone(), databases.clone()]
    thread = threading.Thread(target=asyncio.run, args=(_serve(urls, ready, over),))
    thread.start()
    yield ready.result(60)
    over.set()
    thread.join(60)
    for url in urls:
        databases.drop(url)


async def _serve(urls: Sequence[str], ready: Future[Doors], over: threading.Event) -> None:
    async with AsyncExitStack() as stack:
        doors = []
        for url, directly in zip(urls, (True, False), strict=True):
            database = await stack.enter_async_context(Database.open(url))
            serving = knocking(database, a_receiver(database), MAX_BODY, directly=directly, limits=HASTY)
            port = (await stack.enter_async_context(serving)).base_url.port or 0
            doors.append(Door(database, port))
        ready.set_result(Doors(doors, asyncio.get_running_loop()))
        await asyncio.to_thread(over.wait)


@settings(suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
@given(streams())
def test_both_ways_answer_and_keep_the_same(doors: Doors, pieces: tuple[bytes, ...]) -> None:
    """Never with a fault of ours, and never not at all."""
    (first, kept), (second, kept_too) = doors.answers(pieces)
    assert first == second
    assert kept == kept_too
    assert all(status < 500 for status in first)
    assert first or not b"".join(pieces).strip(b"\r\n")
