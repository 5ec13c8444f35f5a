"""The far ends of a tracker that is looked at in a browser: a provider that signs webhooks, and a CMS that hears."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any

from tests import plain_http
from tests.waiting import until
from tracker.simulator.wire import DELIVERY, SIGNATURE, event_body, sign

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "whsec_of_the_browser_tests"
NUMBERS = count(1)


@dataclass(frozen=True)
class Provider:
    """Sends signed webhooks to the door at `url`."""

    url: str

    async def tells(self, post: str, status: str, *platforms: dict[str, Any], **more: Any) -> None:
        """That the post has that status now; the door must take it."""
        data = {"postId": post, "status": status.upper(), "platforms": platforms, **more}
        await self.sends(event_body(f"post.{status}", datetime.now(UTC), data))

    async def sends(self, body: bytes) -> None:
        """These bytes, signed, and again for as long as the door asks for that."""
        headers = {SIGNATURE: sign(SECRET, body), DELIVERY: f"dlv_{next(NUMBERS)}"}
        async with plain_http.client() as client:

            async def is_taken() -> bool:
                answer = await client.post(f"{self.url}/webhooks/sosyalkopru", content=body, headers=headers)
                assert answer.status_code in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}, answer.text
                return answer.is_success

            await until(is_taken, "the door takes it", 20)


def on(platform: str, status: str, **more: Any) -> dict[str, Any]:
    """One platform's part of what the provider tells."""
    return {"platform": platform, "status": status.upper(), "platformPostUrl": None, **more}


def problem(code: str, message: str, *, retryable: bool) -> dict[str, Any]:
    """Why something failed, as the provider tells it."""
    return {"error": {"code": code, "message": message, "retryable": retryable}}


class Cms:
    """A system that is told by webhook what was published; while it `refuses`, the answer is 410."""

    def __init__(self) -> None:
        self.refuses, self.url, self.taken = False, "", 0
        self._callers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                self.taken += not self.refuses
                status = b"410 Gone" if self.refuses else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Cms]:
        """It listens on the loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
        try:
            yield self
        finally:
            server.close()
            for writer in self._callers:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in self._callers), return_exceptions=True)
