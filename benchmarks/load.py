"""A load generator for the door: signed webhooks over kept connections, as cheap as can be.

Requests are signed before the clock runs, as many as fit into a bounded memory; what goes beyond that is signed on
the way, and counted. `Load.rush` sends the next request of a connection as soon as it has the answer to the last;
`Load.walk` sends at a fixed rate whatever the answers do, so that a slow answer delays nobody else's clock.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import Counter, deque
from contextlib import suppress
from itertools import count, islice
from time import perf_counter
from typing import TYPE_CHECKING, cast

import uvloop

from benchmarks.comparing import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from typing import Any

SECRET = b"secret of the benchmark"
MOST_SIGNED_AHEAD = 150_000
"""Some 90 MB."""
TICK = 0.002
LONGEST = 20

_BEGIN = b'{"event":"post.published","timestamp":"2026-11-10T12:00:00.000Z","data":{"postId":"'
_END = (
    b'","status":"PUBLISHED","platforms":[{"platform":"instagram","status":"PUBLISHED",'
    b'"platformPostUrl":"https://example.com/p/1"}]}}'
)


def requests(port: int, start: int = 0) -> Iterator[bytes]:
    """Signed webhooks without end, each about a post of its own."""
    head = (
        f"POST /webhooks/sosyalkopru HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(_BEGIN) + len(_END) + 18}\r\nx-sosyalkopru-signature: sha256="
    ).encode()
    for n in count(start):
        body = b"%spost_%013d%s" % (_BEGIN, n, _END)
        signature = hmac.digest(SECRET, body, "sha256").hex().encode()
        yield b"%s%s\r\nx-sosyalkopru-delivery: %d\r\n\r\n%s" % (head, signature, n, body)


class _Connection(asyncio.Protocol):
    """One connection; an answer is complete when its JSON body ends."""

    def __init__(self, load: Load) -> None:
        self._load, self._answer, self._sent = load, b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._answer.endswith(b"}"):
            load, answer, self._answer = self._load, self._answer, b""
            load.statuses[answer[9:12]] += 1
            load.latencies.append(perf_counter() - self._sent)
            load.answered(self)

    def send(self, request: bytes, since: float) -> None:
        self._sent = since
        self.transport.write(request)


class Load:
    """Some connections, to a port or to several; afterwards it knows every status and latency, and what it cost."""

    def __init__(self, port: int | Sequence[int], connections: int, start: int, expected: float = 0) -> None:
        self.statuses, self.latencies = Counter[bytes](), list[float]()
        self.cpu = self.wall = 0.0
        self._sent = 0
        self._most: int | None = None
        self._all_sent = asyncio.Event()
        self.answered: Callable[[_Connection], None] = self._next
        self._ports = [port] if isinstance(port, int) else [*port]
        self._connections, self._is_over = connections, False
        self._endless = requests(self._ports[0], start)
        self._ready = deque(islice(self._endless, min(int(expected), MOST_SIGNED_AHEAD)))
        self._free, self._due = deque[_Connection](), deque[float]()

    @property
    def answers(self) -> int:
        return len(self.latencies)

    def rush(self, seconds: float, most: int | None = None) -> None:
        """As fast as the answers come, until the time is over or so many are sent."""
        self._most = most
        self._timed(self._rush(seconds))

    def walk(self, seconds: float, rate: float) -> None:
        """So many a second."""
        self.answered = self._idle
        self._timed(self._walk(seconds, rate))

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the answers came."""
        return percentile(self.latencies, share)

    def _timed(self, work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(work)
            except TimeoutError:
                raise Failed(f"some webhooks were not answered within {LONGEST} s") from None

    async def _rush(self, seconds: float) -> None:
        connections = await self._open()
        self._begin()
        for connection in connections:
            self._next(connection)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all_sent.wait()
        await self._end(connections, lambda: self.answers >= self._sent)

    async def _walk(self, seconds: float, rate: float) -> None:
        connections = await self._open()
        self._free.extend(connections)
        self._begin()
        began, sent = perf_counter(), 0
        while (passed := perf_counter() - began) < seconds:
            for _ in range(int(passed * rate) - sent):
                sent += 1
                self._due.append(perf_counter())
                if self._free:
                    self._idle(self._free.popleft())
            await asyncio.sleep(TICK)
        await self._end(connections, lambda: not self._due and len(self._free) == len(connections))

    async def _open(self) -> list[_Connection]:
        loop = asyncio.get_running_loop()
        opened = (
            loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._ports[n % len(self._ports)])
            for n in range(self._connections)
        )
        return [connection for _, connection in await asyncio.gather(*opened)]

    def _begin(self) -> None:
        self._clocks = time.process_time(), perf_counter()

    async def _end(self, connections: list[_Connection], is_done: Callable[[], bool]) -> None:
        self._is_over = True
        async with asyncio.timeout(LONGEST):
            while not is_done():
                await asyncio.sleep(0.002)
        cpu, wall = self._clocks
        self.cpu, self.wall = time.process_time() - cpu, perf_counter() - wall
        for connection in connections:
            connection.transport.close()

    def _next(self, connection: _Connection) -> None:
        if self._sent == self._most:
            self._all_sent.set()
        elif not self._is_over:
            self._sent += 1
            connection.send(self._request(), perf_counter())

    def _idle(self, connection: _Connection) -> None:
        if self._due:
            connection.send(self._request(), self._due.popleft())
        else:
            self._free.append(connection)

    def _request(self) -> bytes:
        return self._ready.popleft() if self._ready else next(self._endless)


def percentile(values: list[float], share: float) -> float:
    """In milliseconds, of seconds."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000
