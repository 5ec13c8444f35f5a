"""Every error of the API as RFC 9457 says, with the parameter named where there is one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException

from tracker.errors import NotAllowed, NotFound, Rejected, Unavailable

if TYPE_CHECKING:
    from litestar.connection import Request
    from litestar.types import ExceptionHandlersMap

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class BadParameter(Rejected):
    """A value in the address that cannot be used; `parameter` is its name."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__("bad-parameter", message)
        self.parameter = parameter


class NoKey(NotAllowed):
    """The request brought no key that opens anything."""


def problem(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    **more: object,
) -> Response[Any]:
    """The answer about one error; `code` names its kind for programs."""
    content = {
        "type": f"urn:tracker:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _rejected(request: Request[Any, Any, Any], error: Rejected) -> Response[Any]:
    if isinstance(error, BadParameter):
        return problem(request, 400, error.code, str(error), parameter=error.parameter)
    return problem(request, 409, error.code.replace("_", "-"), str(error))


def _not_found(request: Request[Any, Any, Any], error: NotFound) -> Response[Any]:
    return problem(request, 404, "not-found", str(error))


def _not_allowed(request: Request[Any, Any, Any], error: NotAllowed) -> Response[Any]:
    if isinstance(error, NoKey):
        return problem(request, 401, "no-key", str(error), headers={"WWW-Authenticate": 'Bearer realm="tracker"'})
    return problem(request, 403, "scope", str(error))


def _unavailable(request: Request[Any, Any, Any], error: Unavailable) -> Response[Any]:
    return problem(request, 503, "unavailable", str(error), headers={"Retry-After": str(error.retry_after)})


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    faults = [fault for fault in error.extra or [] if isinstance(fault, dict)]
    named = [{"parameter": str(fault.get("key", "")), "message": str(fault.get("message", ""))} for fault in faults]
    if not named:
        return problem(request, 400, "bad-request", error.detail)
    detail = "; ".join(f"{fault['parameter']}: {fault['message']}" for fault in named)
    return problem(request, 400, "bad-parameter", detail, parameter=named[0]["parameter"], errors=named)


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    detail = _DETAILS.get(error.status_code, error.detail)
    return problem(request, error.status_code, code, detail, headers=dict(error.headers or {}) or None)


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("api.fault", method=request.method, path=request.url.path, exc_info=error)
    return problem(request, 500, "fault", "the fault is ours, and it is in the log")


_DETAILS = {
    404: "there is nothing at this address: /schema/openapi.json lists what there is",
    405: "this address does not take this method",
}

HANDLERS: ExceptionHandlersMap = {
    Rejected: _rejected,
    NotFound: _not_found,
    NotAllowed: _not_allowed,
    Unavailable: _unavailable,
    ValidationException: _invalid,
    HTTPException: _http,
    Exception: _fault,
}
