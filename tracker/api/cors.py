"""Which pages of other origins may read the API: those that are named, with a key of their own and never with cookies.

The dashboard is none of their business: what it shows hangs on who has signed in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.types import Send

API = "/api/"
ANY = "*"
Headers = list[tuple[bytes, bytes]]

_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, if-none-match, last-event-id"),
    (b"access-control-max-age", b"600"),
    (b"vary", b"origin"),
]
_READABLE: Headers = [(b"access-control-expose-headers", b"etag, retry-after, www-authenticate"), (b"vary", b"origin")]


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The origins that are allowed, as browsers write them; `*` is every one."""

    origins: Collection[str] = ()

    def concerns(self, scope: Mapping[str, Any]) -> bool:
        """Whether an answer to this request depends on where the page that asks is from."""
        return bool(self.origins) and scope["type"] == "http" and scope["path"].startswith(API)

    def preflight(self, scope: Mapping[str, Any]) -> Headers | None:
        """What a browser is told that asks beforehand; None: it does not, or its page is none of those allowed."""
        headers = dict(scope["headers"])
        asks = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        allowed = self._allowed(headers)
        return [*allowed, *_PREFLIGHT] if asks and allowed else None

    def marking(self, scope: Mapping[str, Any], send: Send) -> Send:
        """Send what a browser may hand to the page; `vary` keeps a cache from handing it to another one."""
        more = [*self._allowed(dict(scope["headers"])), *_READABLE]

        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        return marked

    def _allowed(self, headers: Mapping[bytes, bytes]) -> Headers:
        origin = headers.get(b"origin", b"")
        if ANY in self.origins:
            return [(b"access-control-allow-origin", b"*")]
        return [(b"access-control-allow-origin", origin)] if origin.decode("latin-1") in self.origins else []
