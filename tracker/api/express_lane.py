"""The express lane: an ordinary webhook goes from the parser to the receiver without a task, past the framework.

The lane decides once the headers are there. Whatever is out of the ordinary (another address, an unknown length or a
great one, a request that came before the last one was answered, a sender that does not listen) takes the usual way
through the application, whose door gives the same answers to the same deliveries.
"""

from __future__ import annotations

import re
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tracker.api.webhooks import PREFIX, answer_to, headers_of, the_delivery

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from tracker.api.webhooks import Headers
    from tracker.receiver import Answer, Receiver

ORDINARY = re.compile(rb"%b/[A-Za-z0-9._~/-]+" % PREFIX.encode())
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class _NobodyWaits:
    """In place of the event by which the server wakes an application's task."""

    def set(self) -> None:
        """Nothing to wake."""


class Passing:
    """A webhook on the lane, in the form in which the server keeps whatever it is answering."""

    message_event = _NobodyWaits()
    __slots__ = ("body", "disconnected", "headers", "keep_alive", "more_body", "response_complete")

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers, self.body = headers, b""
        self.more_body, self.keep_alive, self.disconnected, self.response_complete = True, True, False, False


class ExpressLane(HttpToolsProtocol):
    """A connection; `max_body` is in bytes."""

    def __init__(self, receiver: Receiver, max_body: int, **given: Any) -> None:
        super().__init__(**given)
        self._receiver, self._largest = receiver, min(max_body, HIGH_WATER_LIMIT)

    def on_message_begin(self) -> None:
        """Only what the lane needs; the rest of a request is begun when it is known to take the usual way."""
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        """Take the request if it is ordinary."""
        headers = self._of_ordinary()
        if headers is None:
            url, raw, expects = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.headers += raw
            self.url, self.expect_100_continue = url, expects
            super().on_headers_complete()
        else:
            self.cycle = Passing(headers)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """Hand the delivery over; the answer may come at once, or after the commit."""
        super().on_message_complete()
        passing: object = self.cycle
        if isinstance(passing, Passing) and not passing.response_complete:
            delivery = the_delivery(self.url[len(PREFIX) :].decode("ascii"), passing.headers, passing.body)

            def heard(news: Answer | Exception) -> None:
                self._answer(passing, *answer_to(delivery.provider, news))

            self._receiver.take(delivery, heard)

    def _of_ordinary(self) -> dict[str, str] | None:
        """The headers of a request that may take the lane."""
        if self.expect_100_continue or not ORDINARY.fullmatch(self.url) or not self._is_free():
            return None
        headers = headers_of(self.headers)
        length = headers.get("content-length", "")
        fits = length.isdecimal() and int(length) <= self._largest and "transfer-encoding" not in headers
        return headers if fits else None

    def _is_free(self) -> bool:
        """Nothing is being answered, the sender reads what it is told, and the connection stays as it is."""
        parser, cycle = self.parser, cast("RequestResponseCycle | None", self.cycle)
        return (
            (cycle is None or cycle.response_complete)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.flow.write_paused
            and self.limit_concurrency is None
        )

    def _answer(self, passing: Passing, status: int, body: bytes, more: Headers) -> None:
        passing.response_complete = True
        if passing.disconnected or self.transport.is_closing():
            return
        lines = [STATUS_LINES[status], *(b"%b: %b\r\n" % header for header in self.server_state.default_headers)]
        lines += [b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)]
        lines += [b"%b: %b\r\n" % header for header in more]
        lines += [b"\r\n" if passing.keep_alive else b"connection: close\r\n\r\n", body]
        self.transport.write(b"".join(lines))
        if not passing.keep_alive:
            self.transport.close()
        self.on_response_complete()


def express_lane(receiver: Receiver, max_body: int) -> type[asyncio.Protocol]:
    """What the server makes each connection with."""
    return cast("type[asyncio.Protocol]", partial(ExpressLane, receiver, max_body))
