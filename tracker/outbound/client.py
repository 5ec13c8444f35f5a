"""The client: one request, one answer or one reason, within one deadline; and what is remembered of an exchange."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from msgspec import Struct, field

from tracker.domain.actions import Exchange, Reason
from tracker.outbound.addresses import Allowed, OutboundError, parse_url, resolve

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from email.message import EmailMessage

    from tracker.outbound.connecting import Caller
    from tracker.outbound.mail import MailServer, Receipt


SHOWN_BODY = 2000
SHOWN_HEADERS = ("content-type", "retry-after", "location", "x-request-id", "date")


def exchange(request: Mapping[str, object], result: Answer | OutboundError, hidden: Sequence[str] = ()) -> Exchange:
    """The record of one attempt; `request` is fit to be shown, `hidden` is blacked out in the answer."""
    if isinstance(result, OutboundError):
        response: dict[str, object] = {
            "reason": str(result.reason),
            "detail": shown(result.detail, hidden),
            "sent": result.sent,
        }
        return Exchange(request, response | ({"status": result.status} if result.status else {}))
    headers = {name: shown(result.headers[name], hidden) for name in SHOWN_HEADERS if name in result.headers}
    body = shown(result.body[: SHOWN_BODY * 4].decode("utf-8", "replace"), hidden)
    return Exchange(
        request, {"status": result.status, "headers": headers, "body": body, "latency_ms": result.latency_ms}
    )


def shown(text: str, hidden: Sequence[str]) -> str:
    """`text` cut short, with every secret blacked out and nothing that Postgres could not keep."""
    for secret in hidden:
        text = text.replace(secret, "•••") if secret else text
    return text.replace("\x00", "\ufffd")[:SHOWN_BODY]


T_co = TypeVar("T_co", covariant=True)


class Reply(Struct, Generic[T_co], frozen=True):
    """`value` is None when the call failed for `reason`; `sent`: the other side may have acted all the same.

    `status` is the HTTP status, where one came; `answered_at` the other side's clock in its answer, in whole seconds.
    """

    value: T_co | None
    reason: Reason = Reason.OK
    detail: str = ""
    sent: bool = False
    status: int | None = None
    retry_after: timedelta | None = None
    answered_at: datetime | None = None
    exchange: Exchange = field(default_factory=Exchange)


_REASONS = {
    401: Reason.NOT_ALLOWED,
    402: Reason.PAYMENT_REQUIRED,
    403: Reason.NOT_ALLOWED,
    404: Reason.NOT_FOUND,
    409: Reason.CONFLICT,
    410: Reason.GONE,
    429: Reason.RATE_LIMITED,
}
_CLASSES = {2: Reason.OK, 3: Reason.REDIRECT, 4: Reason.HTTP_4XX, 5: Reason.HTTP_5XX}


def reason_of(status: int) -> Reason:
    """What an HTTP status means for an attempt."""
    return _REASONS.get(status) or _CLASSES.get(status // 100, Reason.BAD_ANSWER)


class Answer(Struct, frozen=True):
    """A complete answer, of whatever status; header names are lower case, `body` is as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: int
    retry_after: timedelta | None = None

    @property
    def reason(self) -> Reason:
        """What the status means."""
        return reason_of(self.status)

    @property
    def date(self) -> datetime | None:
        """When it was answered, by the other side's clock, in whole seconds."""
        return _date(self.headers.get("date", ""))


class Outbound:
    """The HTTP client; an async context manager. Redirects are answers, the environment's proxies are not used."""

    def __init__(
        self,
        allowed: Allowed | None = None,
        *,
        timeout: timedelta = timedelta(seconds=10),
        max_answer: int = 2**20,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed or Allowed()
        self._timeout, self._max_answer = timeout.total_seconds(), max_answer
        self._ssl_context = ssl_context
        self._caller: Caller | None = None

    async def __aenter__(self) -> Self:
        from tracker.outbound.connecting import Caller  # noqa: PLC0415  (takes a while)

        self._caller = Caller(self._allowed, self._timeout, self._max_answer, self._ssl_context)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._caller is not None:
            await self._caller.aclose()

    @property
    def deadline(self) -> float:
        """Seconds that one request may take."""
        return self._timeout

    async def mail(self, server: MailServer, message: EmailMessage) -> Receipt:
        """Hand a message to a mail server; raises OutboundError, also when no recipient is accepted."""
        from tracker.outbound.mail import deliver  # noqa: PLC0415  (takes a while)

        return await deliver(server, message, self._allowed, self._timeout, self._ssl_context)

    async def check_url(self, url: str) -> None:
        """Raise OutboundError when a request to `url` would not be made: for when an address is saved."""
        parsed = parse_url(url)
        async with asyncio.timeout(self._timeout):
            await resolve(parsed.host, parsed.port or 443, self._allowed)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send one request and read the whole answer; raises OutboundError."""
        if self._caller is None:
            raise RuntimeError("nothing is sent before the client is entered")
        address, began = parse_url(url), time.perf_counter()
        heard = await self._caller.call(method, address, {"user-agent": "tracker", **(headers or {})}, body)
        latency = round((time.perf_counter() - began) * 1000)
        return Answer(*heard, latency, _retry_after(heard.headers.get("retry-after", "")))


def _retry_after(text: str) -> timedelta | None:
    """Seconds, or a date; anything else is no wish at all."""
    if re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII):
        return timedelta(seconds=int(text))
    when = _date(text)
    return None if when is None else max(when - datetime.now(UTC), timedelta(0))


def _date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
