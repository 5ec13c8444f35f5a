"""The provider's door: takes the body as it is, and answers only once it is kept.

A raw ASGI handler, because here every microsecond is paid for each event; the usual answers are bytes made ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog
from litestar import asgi

from tracker.errors import NotFound, Rejected, Unavailable
from tracker.receiver import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litestar.handlers import ASGIRouteHandler
    from litestar.types import Receive, Scope, Send

    from tracker.receiver import Answer, Receiver

log = structlog.get_logger(__name__)

PREFIX = "/webhooks"
KEPT = b'{"received":true}'
DUPLICATE = b'{"received":true,"duplicate":true}'
NOT_AUTHENTIC = '{"error":"İmza geçersiz"}'.encode()
DRAINED = 16
"""An oversized body is read on, and thrown away, up to this many times what is allowed, so that the answer is heard."""

Headers = list[tuple[bytes, bytes]]
Answered = tuple[int, bytes, Headers]
"""Status, body and headers."""


class TooLarge(Exception):
    """The body is larger than allowed."""


class Gone(Exception):
    """The sender hung up before the body was complete."""


def door(receiver: Receiver, max_body: int) -> ASGIRouteHandler:
    """POST /webhooks/{provider}, or /webhooks/{provider}/{secret} where one signs nothing; `max_body` is in bytes."""

    # Mounted, because the framework gives raw handlers no parameters of the path: the provider is what is left of it.
    @asgi(PREFIX, is_mount=True, copy_scope=False)
    async def webhooks(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST":
            await _answer(send, 405, _error("send webhooks by POST"), [(b"allow", b"POST")])
            return
        headers = headers_of(scope["headers"])
        try:
            body = await _body(receive, headers.get("content-length", ""), max_body)
        except TooLarge:
            await _answer(send, 413, _error(f"the body may have {max_body} bytes at most"))
            return
        except Gone:
            return
        await _answer(send, *await _receive(receiver, the_delivery(scope["path"], headers, body)))

    return webhooks


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by their names, which the server has put in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}


def the_delivery(path: str, headers: dict[str, str], body: bytes) -> Delivery:
    """What came to `path`, which is what follows the prefix."""
    provider, _, rest = path.strip("/").partition("/")
    return Delivery(provider, headers, body, rest)


async def _receive(receiver: Receiver, delivery: Delivery) -> Answered:
    try:
        return answer_to(delivery.provider, await receiver.receive(delivery))
    except Exception as error:
        return answer_to(delivery.provider, error)


def answer_to(provider: str, news: Answer | Exception) -> Answered:
    """What the sender is told; the rest of the address may be a secret, and is never told."""
    match news:
        case Rejected():
            return 401, NOT_AUTHENTIC, []
        case NotFound():
            return 404, _error(str(news)), []
        case Unavailable():
            return 503, _error("not kept: send it again"), [(b"retry-after", str(news.retry_after).encode())]
        case Exception():
            log.error("door.fault", provider=provider, exc_info=news)
            return 500, _error("not kept: send it again"), []
    return 200, _rendered(news), []


def _rendered(answer: Answer) -> bytes:
    if answer.quarantined:
        return msgspec.json.encode({"received": True, "quarantined": True, "reason": answer.quarantined})
    return DUPLICATE if answer.duplicate else KEPT


async def _body(receive: Receive, length: str, max_body: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        size += len(message["body"])
        if size <= max_body:
            chunks.append(message["body"])
        else:
            chunks.clear()
        if size > DRAINED * max_body or (length.isdigit() and int(length) > DRAINED * max_body):
            raise TooLarge
        if not message.get("more_body", False):
            break
    if size > max_body:
        raise TooLarge
    return b"".join(chunks) if len(chunks) != 1 else chunks[0]


def _error(text: str) -> bytes:
    return msgspec.json.encode({"error": text})


async def _answer(send: Send, status: int, body: bytes, headers: Headers | None = None) -> None:
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or ())]
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": body, "more_body": False})
