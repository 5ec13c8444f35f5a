"""The provider on the network: HTTP in front of the API, and the outages that stand between the two."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import uvicorn

from tracker.runtime.http_server import Server
from tracker.simulator.wire import Answer, Refusal, Request, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
    from datetime import datetime

    from tracker.simulator.api import Api
    from tracker.simulator.clock import Clock

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


class Outage(StrEnum):
    """Ways of not being there: refuse with 503 or 429, or never answer, after the work or without it."""

    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    HANGS = "hangs"
    ANSWER_LOST = "answer_lost"


RETRY_AFTER = {"Retry-After": "2"}
REFUSALS = {
    Outage.UNAVAILABLE: Refusal(503, "unavailable", "Try again later", RETRY_AFTER),
    Outage.RATE_LIMITED: Refusal(429, "rate_limited", "Too many requests", RETRY_AFTER),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that reached the provider; `status` is what it answered, None when the caller never heard."""

    at: datetime
    method: str
    path: str
    idempotency_key: str | None
    status: int | None


class Front:
    """The ASGI application."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.outage: Outage | None = None
        self.calls: list[Call] = []
        self.closing = asyncio.Event()
        self._api, self._clock = api, clock

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        request = await _read(scope, receive)
        answer = await self._answer(request)
        key, status = request.headers.get("idempotency-key"), answer.status if answer else None
        self.calls.append(Call(self._clock.now(), request.method, request.path, key, status))
        if answer is None:
            await self._hold(receive)
            answer = refused(REFUSALS[Outage.UNAVAILABLE])
        headers = {"content-type": "application/json"} | dict(answer.headers)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, request: Request) -> Answer | None:
        outage = self.outage
        if outage in REFUSALS:
            return refused(REFUSALS[outage])
        if outage is Outage.HANGS:
            return None
        answer = await self._api.answer(request)
        return None if outage is Outage.ANSWER_LOST else answer

    async def _hold(self, receive: Receive) -> None:
        """Keep the caller waiting until it hangs up, or until we close."""
        waits = [asyncio.ensure_future(receive()), asyncio.ensure_future(self.closing.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def _read(scope: Message, receive: Receive) -> Request:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    return Request(scope["method"], scope["path"], query, headers, body)


@asynccontextmanager
async def listening(front: Front, host: str, port: int) -> AsyncIterator[str]:
    """Serve, and give the address under which; `port` 0 takes a free one."""
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        front, lifespan="off", ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = Server(config, front.closing.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield url
    finally:
        server.stop()
        await serving
