"""The addresses of the dashboard, who may use them, and what is said when something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from litestar import Request, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from tracker.dashboard import actions, assets, overview, posts, signing_in
from tracker.dashboard.asked import address
from tracker.dashboard.rendering import HEADERS, LIVE, Visit, visit_of
from tracker.dashboard.visitor import NotSignedIn, Reception, from_our_own_pages
from tracker.errors import NotAllowed, NotFound, Rejected, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from litestar.types import ControllerRouterHandler, ExceptionHandlersMap

    from tracker.store.database import Database

log = structlog.get_logger(__name__)

PAGES = (
    overview.show_overview, posts.show_posts, posts.show_post, actions.show_actions, actions.retry, actions.discard,
    signing_in.show_sign_in, signing_in.sign_in, signing_in.sign_out, signing_in.change_language, assets.asset,
)  # fmt: skip


def handlers(
    database: Database, clock: Callable[[], datetime], *, subscriptions: Sequence[str] = (), open_here: bool = False
) -> list[ControllerRouterHandler]:
    """What to mount at the root of the application.

    `subscriptions` are those whose silence the overview reports; with `open_here`, who comes from this machine needs
    no key.
    """
    reception = Reception(database, clock, open_here)

    async def guest(request: Request[Any, Any, Any]) -> Visit:
        request.state.visit = visit_of(request, await reception.key_of(request))
        visit: Visit = request.state.visit
        return visit

    given = {
        "database": _given(database),
        "clock": _given(clock),
        "lookout": _given(overview.Lookout(database, clock, subscriptions)),
        "guest": Provide(guest),
        "visit": Provide(_known),
    }
    return [
        Router(
            "/",
            route_handlers=PAGES,
            guards=[from_our_own_pages],
            dependencies=given,
            exception_handlers=HANDLERS,
            include_in_schema=False,
        )
    ]


def _given(value: Any) -> Provide:
    def give() -> Any:
        return value

    return Provide(give, sync_to_thread=False)


async def _known(guest: Visit) -> Visit:
    if guest.key is None:
        raise NotSignedIn("sign in with a key")
    return guest


def _not_signed_in(request: Request[Any, Any, Any], _: NotSignedIn) -> Response[Any]:
    """To the sign-in page; but who follows a link from another site may well be signed in.

    Browsers keep a strict cookie from such a request, so a page of ours that asks again comes first.
    """
    if LIVE in request.headers:
        return Response(None, status_code=401, headers=HEADERS)
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        return visit_of(request).page("again")
    return Redirect(address("/sign-in", then=visit_of(request).here), status_code=303)


def _explained(status: int, title: str) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    def explain(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        visit: Visit = request.state.get("visit") or visit_of(request)
        return visit.page("error", status, title=title, detail=str(error))

    return explain


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    title = {404: "error.not_found"}.get(error.status_code, "error.refused")
    return _explained(error.status_code, title)(request, Exception(error.detail))


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("dashboard.fault", method=request.method, path=request.url.path, exc_info=error)
    return _explained(500, "error.fault")(request, Exception())


HANDLERS: ExceptionHandlersMap = {
    NotSignedIn: _not_signed_in,
    NotAllowed: _explained(403, "error.not_allowed"),
    NotFound: _explained(404, "error.not_found"),
    Rejected: _explained(400, "error.refused"),
    Unavailable: _explained(503, "error.unavailable"),
    HTTPException: _http,
    Exception: _fault,
}
