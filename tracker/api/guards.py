"""Who may: the key in the Authorization header, its scope, and only parameters that the address knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar.params import QueryParameter

from tracker.api.problems import BadParameter, NoKey
from tracker.errors import NotAllowed, did_you_mean
from tracker.store import keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

    from tracker.store.database import Database


def requires(scope: str) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]:
    """A guard that lets through keys that reach as far as `scope`."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        key = await _key(connection)
        if not key.reaches(scope):
            raise NotAllowed(f'this needs a key with the scope "{scope}"; "{key.name}" has: {", ".join(key.scopes)}')

    return guard


def refuse_unknown_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A misspelt filter would silently show everything."""
    known = _query_parameters(handler)
    for name in connection.query_params:
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
    database: Database = connection.app.state.database
    async with database.connection() as conn:
        key = await keys.authenticate(conn, text.strip())
    if key is None:
        raise NoKey("this key is not known, or it was revoked")
    connection.scope["auth"] = key
    return key


def _query_parameters(handler: BaseRouteHandler) -> set[str]:
    return {
        field.kwarg_definition.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    }
