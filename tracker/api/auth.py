"""Who may: the key in the Authorization header, its scope, and only parameters that the address knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import Request
from litestar.params import QueryParameter

from tracker.api.problems import BadParameter, NoKey
from tracker.errors import NotAllowed, did_you_mean
from tracker.runtime.http_server import asked_from, vouch_for
from tracker.store import keys

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

    from tracker.queries.key_checks import KeyChecks

LONGEST = 4096
"""What one parameter of an address may say, in characters."""


@dataclass(frozen=True, slots=True)
class requires:  # noqa: N801  (reads as a sentence where it is used)
    """A guard that lets through keys that reach as far as `scope`."""

    scope: str

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        key = await _key(connection)
        if not key.reaches(self.scope):
            raise NotAllowed(
                f'this needs a key with the scope "{self.scope}"; "{key.name}" has: {", ".join(key.scopes)}'
            )


Visitor = Callable[["Request[Any, Any, Any]"], Awaitable[keys.Key | None]]
"""Says with which key a visitor of the dashboard has signed in."""


async def may_look_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard that lets through keys that may read, and who is signed in at the dashboard: browsers send no keys."""
    visitor: Visitor | None = connection.app.state.visitor
    if visitor and "authorization" not in connection.headers:
        key = await visitor(Request(connection.scope))
        if key and key.reaches("read"):
            return
    await requires("read")(connection, handler)


def refuse_unknown_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A misspelt filter would silently show everything; what is endless would only be looked for in vain."""
    known = _query_parameters(handler)
    for name, value in connection.query_params.multi_items():
        if len(value) > LONGEST:
            raise BadParameter(name, f"is longer than {LONGEST} characters")
        if name not in known:
            takes = f"; it takes {', '.join(sorted(known))}" if known else ""
            raise BadParameter(name, f'there is no parameter "{name}"{did_you_mean(name, known)}{takes}')


def caller(connection: ASGIConnection[Any, Any, Any, Any]) -> keys.Key:
    """The key of a request that a guard has let through."""
    key: keys.Key = connection.scope["auth"]
    return key


async def _key(connection: ASGIConnection[Any, Any, Any, Any]) -> keys.Key:
    if (known := connection.scope.get("auth")) is not None:
        return known  # type: ignore[no-any-return]  # put there below
    kind, _, text = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text:
        raise NoKey("send a key: Authorization: Bearer <key> (`tracker keys create` makes one)")
    checks: KeyChecks = connection.app.state.checks
    key = await checks.key(text.strip(), asked_from(connection.scope))
    if key is None:
        raise NoKey("this key is not known, or it was revoked")
    connection.scope["auth"] = key
    vouch_for(connection.scope)
    return key


def _query_parameters(handler: BaseRouteHandler) -> set[str]:
    return {
        field.kwarg_definition.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }
