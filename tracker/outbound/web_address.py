"""A web address taken apart, or why nothing is sent there."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tracker.domain.actions import Reason

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Left out of an address without a word by some who read it, so that they see another host than others do."""


class OutboundError(Exception):
    """There is no complete answer. `sent`: the request may have been heard. `status`: of an answer that was cut."""

    def __init__(self, reason: Reason, detail: str = "", *, sent: bool = False, status: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason, self.detail, self.sent, self.status = reason, detail, sent, status

    @property
    def accepted(self) -> bool:
        """The answer began with a success, so the request did its work whatever happened to the rest."""
        return self.status in range(200, 300)


class WebAddress(NamedTuple):
    """What a request needs of it; without a port it is that of the scheme."""

    scheme: str
    host: str
    port: int | None
    target: str


def parse_url(url: str) -> WebAddress:
    """The parts of a web address; raises OutboundError for anything that is none, or that carries a password."""
    if _CONTROL.search(url.strip()):
        raise OutboundError(Reason.BLOCKED, "not a web address: it holds a control character")
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except (ValueError, UnicodeError) as error:
        raise OutboundError(Reason.BLOCKED, f"not a web address: {error}") from error
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host) or port == 0:
        raise OutboundError(Reason.BLOCKED, "not a web address: write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise OutboundError(Reason.BLOCKED, "a web address with a user or password in it is refused")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
        f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~')}" if parts.query else ""
    )
    return WebAddress(parts.scheme, host, port, target)


def origin_of(url: str) -> str:
    """The part of a web address that never holds a secret: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
