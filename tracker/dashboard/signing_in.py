"""Signing in with a key, signing out, and choosing the language by hand."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from tracker.dashboard.language import LANGUAGES
from tracker.dashboard.query import Query, own
from tracker.dashboard.rendering import LANGUAGE_COOKIE, Visit
from tracker.dashboard.session import COOKIE, LASTING, Clock
from tracker.queries.key_checks import KeyChecks
from tracker.runtime.http_server import asked_from
from tracker.store import sessions
from tracker.store.database import Database

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
        token = await sessions.begin_session(conn, key, clock(), LASTING)
    response = Redirect(then, status_code=303)
    _keep(response, guest.request, COOKIE, token, int(LASTING.total_seconds()))
    return response


@post("/sign-out")
async def sign_out(request: Request[Any, Any, Any], database: NamedDependency[Database]) -> Response[Any]:
    """The session is over, here and for whoever may have its token."""
    async with database.connection() as conn:
        await sessions.end_session(conn, request.cookies.get(COOKIE, ""))
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
