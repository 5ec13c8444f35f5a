"""Ids in addresses: a slash that was escaped is part of an id, and not one of the path.

Before an address is matched, what stands between its slashes is decoded with the slashes inside it still escaped (and
so is what escapes them); the parameters that have been found are whole again before anybody reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from litestar import Litestar

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

_APART = "tracker.apart"
"""Whether the path of a scope has slashes that are escaped."""


class Application(Litestar):
    """The framework's application, which leaves an escaped slash where it is."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http" and b"%2f" in scope["raw_path"].lower():
            scope[_APART] = True
            scope["path"] = _apart(scope["raw_path"])
        await super().__call__(scope, receive, send)


def whole(app: ASGIApp) -> ASGIApp:
    """A middleware that hands path and parameters on as they were meant."""

    async def handing_on(scope: Scope, receive: Receive, send: Send) -> None:
        given: Any = scope
        if given.pop(_APART, False):
            # The parameters of an address are kept by the framework, and are not to be changed in place.
            given["path_params"] = {name: _joined(value) for name, value in given["path_params"].items()}
            given["path"] = _joined(given["path"])
        await app(scope, receive, send)

    return handing_on


def _apart(raw_path: bytes) -> str:
    """The path, decoded but for the slashes within its parts."""
    parts = raw_path.decode("latin-1").partition("?")[0].split("/")
    return "/".join(unquote(part).replace("%", "%25").replace("/", "%2F") for part in parts)


def _joined(value: Any) -> Any:
    return value.replace("%2F", "/").replace("%25", "%") if isinstance(value, str) else value
