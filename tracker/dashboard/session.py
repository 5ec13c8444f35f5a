"""Who looks: somebody whose session a key has begun, or anybody at this machine where the configuration says so.

Another site cannot act in a visitor's name: the cookie is not sent with its requests (SameSite), and a request that
changes something must come, by the browser's own word, from a page of ours. Without a session, our own name must be
one of the loopback too, so that no site can lend us its name and have the visitor's browser talk to us under it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tracker.errors import NotAllowed
from tracker.runtime.http_server import asked_from
from tracker.store.keys import Key

if TYPE_CHECKING:
    from litestar import Request
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

    from tracker.queries.key_checks import KeyChecks

Clock = Callable[[], datetime]

COOKIE = "tracker_session"
LASTING = timedelta(days=14)
AT_THIS_MACHINE = Key("", "this machine", ("admin",))
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class NotSignedIn(NotAllowed):
    """Nobody has signed in, or the session is over."""


@dataclass(frozen=True, slots=True)
class Reception:
    """What it takes to know a visitor; `open_here`: visitors at this machine need no key."""

    checks: KeyChecks
    clock: Clock
    open_here: bool

    async def key_of(self, request: Request[Any, Any, Any]) -> Key | None:
        """The key that the visitor came in with, or that stands for this machine."""
        if token := request.cookies.get(COOKIE):
            key = await self.checks.key_of_session(token, asked_from(request.scope), self.clock())
            if key is not None:
                return key
        return AT_THIS_MACHINE if self.open_here and _is_here(request) else None


def from_our_own_pages(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard that lets nothing be changed from another site."""
    if connection.scope.get("method") in {"GET", "HEAD", "OPTIONS"}:
        return
    site = connection.headers.get("sec-fetch-site")
    origin = urlsplit(connection.headers.get("origin", "")).netloc
    own = origin != "" and origin == connection.headers.get("host")
    if site not in {None, "same-origin"} or not own:
        raise NotAllowed("this can only be asked for from a page of the dashboard")


def _is_here(request: Request[Any, Any, Any]) -> bool:
    """Whether nothing says that the visitor sits elsewhere."""
    if request.client is None or any(header in request.headers for header in FORWARDED):
        return False
    return _is_loopback(request.client.host) and _is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
