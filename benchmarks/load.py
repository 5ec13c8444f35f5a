"""A load generator for the door: each connection sends its next signed webhook when it has the answer to the last."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter
from hashlib import sha256
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = b"secret of the benchmark"


def requests(port: int, start: int = 0) -> Iterator[bytes]:
    """Signed webhooks without end, no two alike."""
    for n in count(start):
        platforms = [{"platform": "instagram", "status": "PUBLISHED", "platformPostUrl": "https://example.com/p/1"}]
        data = {"postId": f"post_{n:013d}", "status": "PUBLISHED", "platforms": platforms}
        body = json.dumps({"event": "post.published", "timestamp": "2026-11-10T12:00:00.000Z", "data": data}).encode()
        signature = hmac.new(SECRET, body, sha256).hexdigest()
        head = (
            f"POST /webhooks/sosyalkopru HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-sosyalkopru-signature: sha256={signature}\r\n"
            f"x-sosyalkopru-delivery: {start}-{n}\r\n\r\n"
        )
        yield head.encode() + body


class _Connection(asyncio.Protocol):
    """One connection; an answer is complete when its JSON body ends."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._answer = cast("asyncio.Transport", transport), b""
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.endswith(b"}"):
            return
        self._load.answered(self._answer[9:12].decode(), perf_counter() - self._sent)
        self._answer = b""
        if self._load.over:
            self._transport.close()
        else:
            self._send()

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(next(self._load.requests))


class Load:
    """`run` sends for some seconds and then knows how many answers there were, and how long each took."""

    def __init__(self, port: int, connections: int, start: int) -> None:
        self.requests, self.statuses, self.latencies, self.over = (
            requests(port, start),
            Counter[str](),
            list[float](),
            False,
        )
        self._port, self._connections = port, connections

    def answered(self, status: str, seconds: float) -> None:
        self.statuses[status] += 1
        self.latencies.append(seconds)

    async def run(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        opened = [
            loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port) for _ in range(self._connections)
        ]
        transports = [transport for transport, _ in await asyncio.gather(*opened)]
        await asyncio.sleep(seconds)
        self.over = True
        async with asyncio.timeout(20):
            while not all(transport.is_closing() for transport in transports):
                await asyncio.sleep(0.01)

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000
