"""The provider's door: takes the body as it is, and answers only once it is kept.

There are two ways in, with the same answers: the server hands plain webhooks over `directly`, and whatever is out of
the ordinary (escapes or a question in the address, a body in chunks or beyond the bound) comes to a raw ASGI handler.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from litestar import asgi

from tracker.errors import NotFound, Rejected, Unavailable
from tracker.receive.receiver import Delivery
from tracker.runtime.http_server import Bounds, Front, Limits, Proxies, connections_within
from tracker.runtime.http_server.head import fields_of
from tracker.runtime.logger import Logger

if TYPE_CHECKING:
    from litestar.handlers import ASGIRouteHandler
    from litestar.types import Receive, Scope, Send

    from tracker.receive.receiver import Answer, Receiver
    from tracker.runtime.http_server.head import Head
    from tracker.runtime.http_server.server_state import Answer as Told
    from tracker.settings import Settings

log = Logger(__name__)

PREFIX = "/webhooks"
KEPT = b'{"received":true}'
DUPLICATE = b'{"received":true,"duplicate":true}'
NOT_AUTHENTIC = '{"error":"İmza geçersiz"}'.encode()
AS_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
PLAIN = re.compile(PREFIX + "/[A-Za-z0-9._~/-]++")
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
        if scope.get("method") == "GET" and (said := _greeted(receiver, scope)):
            await _answer(send, *said)
            return
        if scope.get("method") != "POST":
            await _answer(send, 405, _error("send webhooks by POST"), [(b"allow", b"POST")])
            return
        headers = fields_of((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        try:
            body = await _body(receive, headers.get("content-length", ""), max_body)
        except TooLarge:
            await _answer(send, 413, _error(f"the body may have {max_body} bytes at most"))
            return
        except Gone:
            return
        target = scope["raw_path"].decode("latin-1") + ("?" if scope["query_string"] else "")
        target += scope["query_string"].decode("latin-1")
        await _answer(send, *await _receive(receiver, the_delivery(scope["path"], headers, body, target)))

    return webhooks


class Directly:
    """Takes plain webhooks from the server's hands; `max_body` is in bytes."""

    def __init__(self, receiver: Receiver, max_body: int) -> None:
        self._receiver, self._max_body = receiver, max_body

    def fits(self, head: Head) -> bool:
        """Whether nothing about the request is out of the ordinary."""
        length = head.length
        return (
            length is not None
            and length <= self._max_body
            and head.method == "POST"
            and not head.expects
            and PLAIN.fullmatch(head.target) is not None
        )

    def take(self, head: Head, body: bytes, answer: Told) -> None:
        """Hand the delivery over; the answer may come at once, or after the commit."""
        delivery = the_delivery(head.target[len(PREFIX) :], head.fields, body, head.target)

        def on_answer(news: Answer | Exception) -> None:
            answer(*answer_to(delivery.provider, news))

        self._receiver.take(delivery, on_answer)


def the_delivery(path: str, headers: dict[str, str], body: bytes, target: str = "") -> Delivery:
    """What came to `path`, which is what follows the prefix of the `target` that was asked for."""
    provider, _, rest = path.strip("/").partition("/")
    return Delivery(provider, headers, body, rest, target)


def _greeted(receiver: Receiver, scope: Scope) -> Answered | None:
    """The answer to a GET that only asks whether we are there; None where none is expected."""
    provider = scope["path"].strip("/")
    try:
        said = receiver.greet(provider, scope["query_string"].decode("latin-1"))
    except NotFound:
        return None
    except Exception as error:
        return answer_to(provider, error)
    return None if said is None else (200, said.encode(), AS_TEXT)


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
    if isinstance(news.said, str):
        return 200, news.said.encode(), AS_TEXT
    return 200, _rendered(news), []


def _rendered(answer: Answer) -> bytes:
    if answer.said is not None:
        return msgspec.json.encode(answer.said)
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
    own = [(b"content-length", str(len(body)).encode()), *(headers or ())]
    if headers is not AS_TEXT:
        own.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": body, "more_body": False})


DESCRIPTORS = 100
"""For the log, the embedded Postgres, the event loop and what else is open in any case."""


def front_of(settings: Settings, receiver: Receiver | None) -> Front:
    """What the connections share, by the settings; raises Misconfigured for limits that contradict one another."""
    server = settings.server
    if server.max_waiting_bytes < server.max_body:
        raise settings.fault("server.max_waiting_bytes", "is less than max_body: no body of that size could ever wait")
    directly = Directly(receiver, server.max_body) if receiver else None
    proxies = Proxies.named(server.trusted_proxies)
    reserve = DESCRIPTORS + settings.database.pool + settings.engine.actions
    limits = Limits(
        connections=connections_within(server.max_connections, reserve),
        per_address=server.max_connections_per_address,
        waiting_bytes=server.max_waiting_bytes,
        largest=server.max_body,
        header=server.header_timeout.total_seconds(),
        body=server.body_timeout.total_seconds(),
        idle=server.idle_timeout.total_seconds(),
    )
    return Front(Bounds(limits), proxies, directly, PREFIX)
