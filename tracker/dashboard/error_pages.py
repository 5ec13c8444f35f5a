"""What is said when something is wrong: who must sign in, what is not there, what cannot be done, what is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from tracker.dashboard.query import address
from tracker.dashboard.session import HEADERS, LIVE, NotSignedIn, Visit, visit_of
from tracker.errors import BadParameter, NotAllowed, NotFound, Rejected, TooOften, Unavailable
from tracker.runtime.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import ExceptionHandlersMap

log = Logger(__name__)

OVERTAKEN = ("not_ended", "not_open", "settled", "wrong_state")


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


def _rejected(request: Request[Any, Any, Any], error: Rejected) -> Response[Any]:
    """What was asked for does not fit: an action that has gone on meanwhile, or an address that makes no sense."""
    status, title = (409, "error.overtaken") if error.code in OVERTAKEN else (400, "error.refused")
    if isinstance(error, BadParameter):
        return _explained(status, title)(request, Exception(f"{error.parameter}: {error}"))
    return _explained(status, title)(request, error)


def _unavailable(request: Request[Any, Any, Any], error: Unavailable) -> Response[Any]:
    response = _explained(503, "error.unavailable")(request, error)
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def _too_often(request: Request[Any, Any, Any], error: TooOften) -> Response[Any]:
    """In plain text: whoever floods us is not worth a page."""
    texts = visit_of(request).texts
    content = f"{texts('error.too_often')}\n\n{texts('error.too_often_lead')}\n"
    headers = HEADERS | {"Retry-After": str(error.retry_after)}
    return Response(content, status_code=429, media_type=MediaType.TEXT, headers=headers)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    title = {404: "error.not_found"}.get(error.status_code, "error.refused")
    return _explained(error.status_code, title)(request, Exception(error.detail))


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("dashboard.fault", method=request.method, path=request.url.path, exc_info=error)
    return _explained(500, "error.fault")(request, Exception())


HANDLERS: ExceptionHandlersMap = {
    NotSignedIn: _not_signed_in,
    TooOften: _too_often,
    NotAllowed: _explained(403, "error.not_allowed"),
    NotFound: _explained(404, "error.not_found"),
    Rejected: _rejected,
    Unavailable: _unavailable,
    HTTPException: _http,
    Exception: _fault,
}
