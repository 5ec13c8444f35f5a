"""Who looks, how one signs in and out, and in which language.

Another site cannot act in a visitor's name: the cookie is not sent with its requests (SameSite), and a request that
changes something must come, by the browser's own word, from a page of ours. Without a session, our own name must be
one of the loopback too, so that no site can lend us its name and have the visitor's browser talk to us under it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect
from markupsafe import Markup

from tracker.dashboard.language import LANGUAGES, TEXTS, Texts, preferred
from tracker.dashboard.query import DONE, Query, address, own, with_done
from tracker.dashboard.rendering import TEMPLATES, rendered
from tracker.errors import NotAllowed
from tracker.queries.key_checks import KeyChecks
from tracker.rulebook.source import RuleSource
from tracker.runtime.http_server import asked_from, vouch_for
from tracker.store import keys
from tracker.store.database import Connection, Database
from tracker.store.keys import Key

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

Clock = Callable[[], datetime]
ON_A_PAGE = 50

COOKIE = "tracker_session"
LASTING = timedelta(days=14)
AT_THIS_MACHINE = Key("", "this machine", ("admin",))
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


LANGUAGE_COOKIE = "tracker_language"
LIVE = "x-live"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with none at all, browsers would not say where a form comes from
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

HTML = "text/html"

Change = Callable[[Connection, str], Awaitable[object]]
"""Something that is changed, by whom."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a visitor; `key` is None before they have signed in."""

    request: Request[Any, Any, Any]
    texts: Texts
    key: Key | None = None
    attention: Mapping[str, int] = field(default_factory=dict)
    """How many things need somebody, by the page that shows them."""

    def waiting_on(self, pages: Sequence[str]) -> int:
        """How many things need somebody on these pages."""
        return sum(self.attention.get(page, 0) for page in pages)

    @property
    def here(self) -> str:
        """The address of the page, without the host; after something was done, that of the overview."""
        query = self.request.url.query
        path = raw_path(self.request) + (f"?{query}" if query else "")
        return path if self.request.method == "GET" else "/"

    @property
    def may_operate(self) -> bool:
        """Whether buttons are shown that do something."""
        return self.key is not None and self.key.reaches("operate")

    @property
    def is_admin(self) -> bool:
        """Whether bodies are shown as they came, as in the API, and rules may be edited where that is on."""
        return self.key is not None and self.key.reaches("admin")

    @property
    def done(self) -> str | None:
        """What the visitor has just done, to be confirmed on the page."""
        done = self.request.query_params.get(DONE)
        return done if f"done.{done}" in self.texts.texts else None

    def must_operate(self) -> Key:
        """The key that the visitor came in with; raises NotAllowed when it may do nothing."""
        if self.key is None or not self.may_operate:
            raise NotAllowed('this needs a key with the scope "operate"')
        return self.key

    async def back(self, done: str) -> Response[Any]:
        """To the page from which the form was sent, which says what was done."""
        form = Query(await self.request.form())
        return Redirect(with_done(own(form.text("then")), done), status_code=303)

    async def does(self, done: str, database: Database, change: Change) -> Response[Any]:
        """What a button asks for, in the name of the visitor's key; then back. Raises NotAllowed."""
        by = self.must_operate().name
        async with database.transaction() as conn:
            await change(conn, by)
        return await self.back(done)

    def list_page(
        self, name: str, path: str, following: str | None, filters: Mapping[str, object], status: int = 200,
        **context: object,
    ) -> Response[Any]:  # fmt: skip
        """A page with part of a list at `path`, whose next part has the cursor `following`."""
        more = address(path, **filters, cursor=following) if following else None
        first = not self.request.query_params.get("cursor")
        return self.page(name, status, more=more, first=first, **context)

    def page(self, name: str, status: int = 200, **context: object) -> Response[Any]:
        """The page of that name; its `_name.html`, where there is one, is the part that is kept up to date."""
        context |= {"t": self.texts, "visit": self, "name": name, "languages": LANGUAGES}
        live = rendered(f"_{name}.html", context) if f"_{name}.html" in TEMPLATES else None
        tag = f'"{sha256(live.encode()).hexdigest()[:24]}"' if live is not None else ""
        if live is not None and LIVE in self.request.headers:
            return self._part(live, tag, status)
        context |= {"live": Markup(live) if live is not None else None, "tag": tag}  # noqa: S704  # rendered, escaped
        return Response(rendered(f"{name}.html", context), status_code=status, media_type=HTML, headers=HEADERS)

    def _part(self, live: str, tag: str, status: int) -> Response[Any]:
        headers = HEADERS | {"ETag": tag}
        if self.request.headers.get("if-none-match") == tag:
            return Response(None, status_code=304, headers=headers)
        return Response(live, status_code=status, media_type=HTML, headers=headers)


def visit_of(request: Request[Any, Any, Any], key: Key | None = None) -> Visit:
    """The visit, in the language that was chosen by hand, or else in the one the browser likes."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    code = chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))
    return Visit(request, TEXTS[code], key)


def raw_path(request: Request[Any, Any, Any]) -> str:
    """The path as it was asked for, still quoted: a slash inside an id is not one of the path."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii", "replace").partition("?")[0]


Here = NamedDependency[Visit]
Db = NamedDependency[Database]
Now = NamedDependency[datetime]
Rules = NamedDependency[RuleSource]
ProviderNames = NamedDependency[tuple[str, ...]]
AlertValues = NamedDependency[Mapping[str, Sequence[str]]]
Id = Annotated[UUID, PathParameter()]


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
                vouch_for(request.scope)
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
async def show_sign_in(guest: Here) -> Response[Any]:
    """The form that asks for a key."""
    return guest.page("sign_in", then=own(guest.request.query_params.get("then")), refused=False)


@post("/sign-in")
async def sign_in(guest: Here, database: Db, checks: NamedDependency[KeyChecks], now: Now) -> Response[Any]:
    """A key that is known begins a session; its token goes into a cookie that no script can read."""
    form = Query(await guest.request.form())
    then = own(form.text("then"))
    key = await checks.sign_in(form.text("key") or "", asked_from(guest.request.scope))
    if key is None:
        return guest.page("sign_in", 401, then=then, refused=True)
    async with database.transaction() as conn:
        token = await keys.begin_session(conn, key, now, LASTING)
    response = Redirect(then, status_code=303)
    _keep(response, guest.request, COOKIE, token, int(LASTING.total_seconds()))
    return response


@post("/sign-out")
async def sign_out(request: Request[Any, Any, Any], database: Db) -> Response[Any]:
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
