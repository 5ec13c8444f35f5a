"""Who looks, how one signs in and out, and in which language.

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

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from tracker.dashboard.language import LANGUAGES
from tracker.dashboard.query import Query, own
from tracker.dashboard.rendering import LANGUAGE_COOKIE, Visit
from tracker.errors import NotAllowed
from tracker.queries.key_checks import KeyChecks
from tracker.runtime.http_server import asked_from
from tracker.store import keys
from tracker.store.database import Database
from tracker.store.keys import Key

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

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


YEAR = 365 * 24 * 3600


@get("/sign-in")
async def show_sign_in(guest: NamedDependency[Visit]) -> Response[Any]:
    """The form that asks for a key."""
    return guest.page("sign_in", then=own(guest.request.query_params.get("then")), refused=False)


@post("/sign-in")
async def sign_in(
    guest: NamedDependency[Visit],
    database: NamedDependency[Database],
    checks: NamedDependency[KeyChecks],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """A key that is known begins a session; its token goes into a cookie that no script can read."""
    form = Query(await guest.request.form())
    then = own(form.text("then"))
    key = await checks.sign_in(form.text("key") or "", asked_from(guest.request.scope))
    if key is None:
        return guest.page("sign_in", 401, then=then, refused=True)
    async with database.transaction() as conn:
        token = await keys.begin_session(conn, key, clock(), LASTING)
    response = Redirect(then, status_code=303)
    _keep(response, guest.request, COOKIE, token, int(LASTING.total_seconds()))
    return response


@post("/sign-out")
async def sign_out(request: Request[Any, Any, Any], database: NamedDependency[Database]) -> Response[Any]:
    """The session is over, here and for whoever may have its token."""
    async with database.connection() as conn:
        await keys.end_session(conn, request.cookies.get(COOKIE, ""))
    response = Redirect("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response


@post("/language")
async def change_language(request: Request[Any, Any, Any]) -> Response[Any]:
    """Remembered by this browser for a year."""
    form = Query(await request.form())
    response = Redirect(own(form.text("then")), status_code=303)
    if (code := form.text("language")) in LANGUAGES:
        _keep(response, request, LANGUAGE_COOKIE, str(code), YEAR)
    return response


def _keep(response: Response[Any], request: Request[Any, Any, Any], name: str, value: str, seconds: int) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="strict", secure=secure)
