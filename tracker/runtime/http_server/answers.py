"""The bytes of answers that are given without the application."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.runtime.http_server.head import Refused

    Headers = Sequence[tuple[bytes, bytes]]

USUAL_BODY = 64
"""Bytes; what is longer than the usual answers is not kept ready."""


class Stamp:
    """The headers that go with every answer, as bytes; the server makes them anew once a second."""

    __slots__ = ("_bytes", "_headers")

    def __init__(self) -> None:
        self._headers: Headers = ()
        self._bytes = b""

    def of(self, headers: Headers) -> bytes:
        """Those headers."""
        if headers is not self._headers:
            self._headers = headers
            self._bytes = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._bytes


def answer(stamp: bytes, status: int, body: bytes, more: Headers, is_kept: bool) -> bytes:
    """A JSON answer, unless `more` says what else it is."""
    if not more and is_kept and len(body) <= USUAL_BODY:
        line, rest = _usual(status, body)
        return line + stamp + rest
    kind = dict(more).get(b"content-type", b"application/json")
    lines = [_status_line(status), stamp, _content(kind, body)]
    lines += [b"%b: %b\r\n" % header for header in more if header[0] != b"content-type"]
    return b"".join([*lines, b"\r\n" if is_kept else b"connection: close\r\n\r\n", body])


def refusal(stamp: bytes, refused: Refused, asked: bytes, door: bytes) -> bytes:
    """The answer to a request that is not taken; `asked` is its target, or the whole of it where it has none."""
    target = asked if asked.startswith(b"/") else [*asked.split(b" ", 2), b"", b""][1]
    is_elsewhere = target.startswith(b"/") and not target.startswith(door)
    body = msgspec.json.encode(_problem(refused) if is_elsewhere else {"error": str(refused)})
    kind = b"application/problem+json" if is_elsewhere else b"application/json"
    lines = [_status_line(refused.status), stamp, _content(kind, body)]
    lines += [b"%b: %b\r\n" % header for header in refused.more]
    return b"".join([*lines, b"connection: close\r\n\r\n", body])


def _problem(refused: Refused) -> dict[str, object]:
    phrase = HTTPStatus(refused.status).phrase
    code = phrase.lower().replace(" ", "-")
    return {"type": f"urn:tracker:problem:{code}", "title": phrase, "status": refused.status, "detail": str(refused)}


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def _content(kind: bytes, body: bytes) -> bytes:
    return b"content-type: %b\r\ncontent-length: %d\r\n" % (kind, len(body))


@lru_cache(maxsize=64)
def _usual(status: int, body: bytes) -> tuple[bytes, bytes]:
    return _status_line(status), _content(b"application/json", body) + b"\r\n" + body
