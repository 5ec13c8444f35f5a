"""What all connections of one server share: who stands before us, and the answers it gives by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Protocol

import msgspec

from tracker.runtime.http_server.bounds import Bounds, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tracker.runtime.http_server.head import Head, Refused

    Headers = Sequence[tuple[bytes, bytes]]
    Answer = Callable[[int, bytes, Headers], None]

USUAL_BODY = 64
"""Bytes; what is longer than the usual answers is not kept ready."""


class Stamp:
    """The headers that go with every answer, as bytes; the server makes them anew once a second."""

    __slots__ = ("_bytes", "_headers")

    def __init__(self) -> None:
        self._headers: Headers = ()
        self._bytes = b""

    def of(self, headers: Headers) -> bytes:
        """The headers as bytes, made once for each list."""
        if headers is not self._headers:
            self._headers = headers
            self._bytes = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._bytes


def answer(stamp: bytes, status: int, body: bytes, more: Headers, is_kept: bool) -> bytes:
    """A whole answer as bytes, in JSON unless `more` says what else it is."""
    if not more and is_kept and len(body) <= USUAL_BODY:
        line, rest = _usual(status, body)
        return line + stamp + rest
    kind = dict(more).get(b"content-type", b"application/json")
    lines = [_status_line(status), stamp, _content(kind, body)]
    lines += [b"%b: %b\r\n" % header for header in more if header[0] != b"content-type"]
    return b"".join([*lines, b"\r\n" if is_kept else b"connection: close\r\n\r\n", body])


def refusal(stamp: bytes, refused: Refused, asked: str, door: str) -> bytes:
    """The answer to a request that is not taken; `asked` is its target, or the whole of it where it has none."""
    target = asked if asked.startswith("/") else [*asked.split(" ", 2), "", ""][1]
    is_elsewhere = target.startswith("/") and not target.startswith(door)
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


ONES_OWN = 64
"""Bits of an IPv6 address that tell one customer of a network from another."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """Those whose word is taken for who asks through them."""

    trusted: Sequence[IPv4Network | IPv6Network] = ()

    @classmethod
    def named(cls, words: Iterable[str]) -> Proxies:
        """The networks and addresses of the setting; raises ValueError."""
        return cls(tuple(ip_network(word) for word in words))

    def include(self, address: str) -> bool:
        """Whether a proxy of ours has this address."""
        if not self.trusted:
            return False
        try:
            known = _unmapped(address)
        except ValueError:
            return False
        return any(known in network for network in self.trusted)

    def counted_as(self, peer: str) -> str:
        """Under which name a connection is counted; empty for a proxy, behind which there are many."""
        return "" if self.include(peer) else counted(peer)

    def seen_through(self, peer: str, fields: Mapping[str, str]) -> str:
        """Who asks: whoever is connected, or whom the last of our proxies has seen."""
        if not self.include(peer):
            return counted(peer)
        told = fields.get("x-forwarded-for", "").replace("\n", ",")
        address = peer
        for word in reversed([word.strip() for word in told.split(",") if word.strip()]):
            address = _without_port(word)
            if not self.include(address):
                break
        return counted(address)


def counted(address: str) -> str:
    """Under which name an address is counted: whoever has one of IPv6 has very many beside it."""
    try:
        known = _unmapped(address)
    except ValueError:
        return address[:64]
    if isinstance(known, IPv6Address):
        return str(ip_network((known.packed, ONES_OWN), strict=False))
    return str(known)


def _unmapped(address: str) -> object:
    known = ip_address(address.partition("%")[0])
    return known.ipv4_mapped or known if isinstance(known, IPv6Address) else known


def _without_port(word: str) -> str:
    if word.startswith("["):
        return word[1:].partition("]")[0]
    return word.partition(":")[0] if word.count(":") == 1 else word


class Direct(Protocol):
    """Who answers some requests without the usual server."""

    def fits(self, head: Head) -> bool:
        """Whether it takes the request, whose body comes by a known length."""

    def take(self, head: Head, body: bytes, answer: Answer) -> None:
        """Take it; `answer` is called once, now or later, with status, body and headers."""


@dataclass(frozen=True, slots=True)
class Front:
    """What all connections of a server share. `door` is how the targets begin whose errors are {"error": …}."""

    bounds: Bounds = field(default_factory=lambda: Bounds(Limits()))
    proxies: Proxies = field(default_factory=Proxies)
    direct: Direct | None = None
    door: str = "/webhooks"
    stamp: Stamp = field(default_factory=Stamp)
