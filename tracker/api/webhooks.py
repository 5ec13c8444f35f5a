"""The provider's door: takes the body as it is, and answers only once it is kept.

A raw ASGI handler, because here every microsecond is paid for each event; the usual answers are bytes made ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog
from litestar import asgi

from tracker.errors import NotFound, Rejected, Unavailable

if TYPE_CHECKING:
    from litestar.handlers import ASGIRouteHandler
    from litestar.types import Receive, Scope, Send

    from tracker.receiver import Answer, Receiver

log = structlog.get_logger(__name__)

KEPT = b'{"received":true}'
DUPLICATE = b'{"received":true,"duplicate":true}'
NOT_AUTHENTIC = '{"error":"İmza geçersiz"}'.encode()
DRAINED = 16
"""An oversized body is read on, and thrown away, up to this many times what is allowed, so that the answer is heard."""

Headers = list[tuple[bytes, bytes]]


class TooLarge(Exception):
    """The body is larger than allowed."""


class Gone(Exception):
    """The sender hung up before the body was complete."""


def door(receiver: Receiver, max_body: int) -> ASGIRouteHandler:
    """POST /webhooks/{provider}, or /webhooks/{provider}/{secret} where one signs nothing; `max_body` is in bytes."""

    # Mounted, because the framework gives raw handlers no parameters of the path: the provider is what is left of it.
    @asgi("/webhooks", is_mount=True, copy_scope=False)
    async def webhooks(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST":
            await _answer(send, 405, _error("send webhooks by POST"), [(b"allow", b"POST")])
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await _body(receive, headers.get("content-length", ""), max_body)
        except TooLarge:
            await _answer(send, 413, _error(f"the body may have {max_body} bytes at most"))
            return
        except Gone:
            return
        provider, _, rest = scope["path"].strip("/").partition("/")
        await _answer(send, *await _receive(receiver, provider, rest, headers, body))

    return webhooks


async def _receive(
    receiver: Receiver, provider: str, rest: str, headers: dict[str, str], body: bytes
) -> tuple[int, bytes, Headers]:
    """Status, body and headers of the answer; the rest of the address may be a secret, and is never told."""
    try:
        return 200, _rendered(await receiver.receive(provider, headers, body, rest)), []
    except Rejected:
        return 401, NOT_AUTHENTIC, []
    except NotFound as error:
        return 404, _error(str(error)), []
    except Unavailable as error:
        return 503, _error("not kept: send it again"), [(b"retry-after", str(error.retry_after).encode())]
    except Exception as error:
        log.error("door.fault", provider=provider, exc_info=error)
        return 500, _error("not kept: send it again"), []


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
