"""Every error of the API as RFC 9457 says, with the parameter named where there is one."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, get_args

from litestar import Response
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Struct, structs

from tracker.errors import BadParameter, NotAllowed, NotFound, Rejected, TooOften, Unavailable, did_you_mean
from tracker.runtime.logger import Logger
from tracker.runtime.tracing import current_trace

if TYPE_CHECKING:
    from litestar.connection import Request
    from litestar.handlers import BaseRouteHandler
    from litestar.types import ExceptionHandlersMap

__all__ = ["HANDLERS", "MAX_BODY", "MEDIA_TYPE", "OF_BODIES", "BadParameter", "NoKey", "known_keys", "problem"]

log = Logger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_BODY = 64 * 1024
"""What a request to the API may say, in bytes."""


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
        "instance": request.scope["raw_path"].decode("latin-1").partition("?")[0],
        **({"trace": trace} if (trace := current_trace()) else {}),
        **more,
    }
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _rejected(request: Request[Any, Any, Any], error: Rejected) -> Response[Any]:
    if isinstance(error, BadParameter):
        return problem(request, 400, error.code, str(error), parameter=error.parameter)
    return problem(request, 409, error.code.replace("_", "-"), str(error))


def _not_allowed(request: Request[Any, Any, Any], error: NotAllowed) -> Response[Any]:
    if isinstance(error, NoKey):
        return problem(request, 401, "no-key", str(error), headers={"WWW-Authenticate": 'Bearer realm="tracker"'})
    if isinstance(error, TooOften):
        return problem(request, 429, "too-often", str(error), headers={"Retry-After": str(error.retry_after)})
    return problem(request, 403, "scope", str(error))


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    faults = [fault for fault in error.extra or [] if isinstance(fault, dict)]
    handler = request.route_handler
    found = [_fault_of_body(str(fault.get("key", "")), str(fault.get("message", "")), handler) for fault in faults]
    named = [{"parameter": parameter, "message": message} for parameter, message in found]
    if not named:
        return problem(request, 400, "bad-request", error.detail)
    detail = "; ".join(f"{fault['parameter']}: {fault['message']}" for fault in named)
    return problem(request, 400, "bad-parameter", detail, parameter=named[0]["parameter"], errors=named)


def known_keys(handler: BaseRouteHandler, inside: str = "") -> tuple[str, ...]:
    """The keys that the body of a request may have, or the object that stands `inside` of it."""
    body = handler.parsed_fn_signature.parameters.get("data")
    kind = body.annotation if body else None
    for key in inside.split(".") if inside else ():
        fields = structs.fields(kind) if isinstance(kind, type) and issubclass(kind, Struct) else ()
        kind = next((field.type for field in fields if field.encode_name == key), None)
        kind = next(iter(get_args(kind)), kind)
    return getattr(kind, "__struct_encode_fields__", ())


def _fault_of_body(parameter: str, message: str, handler: BaseRouteHandler) -> tuple[str, str]:
    """A fault by the key of the body that it concerns, where that is not yet how it is told."""
    inside = "" if parameter == "data" else parameter.removesuffix("[...]")
    if found := _UNKNOWN_KEY.search(message):
        known = known_keys(handler, inside)
        takes = f"; it takes {', '.join(known)}" if known else ""
        name = found[1]
        return _within(inside, name), f'there is no key "{name}"{did_you_mean(name, known)}{takes}'
    if found := _MISSING_KEY.search(message):
        return _within(inside, found[1]), "is missing"
    if inside:
        return inside, message
    return "body", "must be a JSON object" if message == "'data'" else message


def _within(inside: str, name: str) -> str:
    return f"{inside}.{name}" if inside else name


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    detail = _DETAILS.get(error.status_code, error.detail)
    return problem(request, error.status_code, code, detail, headers=dict(error.headers or {}) or None)


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("api.fault", method=request.method, path=request.url.path, exc_info=error)
    return problem(request, 500, "fault", "the fault is ours, and it is in the log")


_UNKNOWN_KEY = re.compile(r"unknown field `(.*?)`")
_MISSING_KEY = re.compile(r"missing required field `(.*?)`")

_DETAILS = {
    404: "there is nothing at this address: /schema/openapi.json lists what there is",
    405: "this address does not take this method",
    413: f"the body may have {MAX_BODY} bytes at most",
}

HANDLERS: ExceptionHandlersMap = {
    Rejected: _rejected,
    NotFound: lambda request, error: problem(request, 404, "not-found", str(error)),
    NotAllowed: _not_allowed,
    Unavailable: lambda request, error: problem(
        request, 503, "unavailable", str(error), headers={"Retry-After": str(error.retry_after)}
    ),
    ValidationException: _invalid,
    HTTPException: _http,
    Exception: _fault,
}

OF_BODIES: ExceptionHandlersMap = {
    RecursionError: lambda request, _: problem(
        request, 400, "bad-parameter", "body: is nested too deep", parameter="body"
    )
}
"""For handlers that read a body, beside `HANDLERS`."""
