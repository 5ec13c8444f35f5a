"""Servers that do next to nothing, to measure others by: `python -m benchmarks.bare trivial|verifying PORT`."""

from __future__ import annotations

import asyncio
import hmac
import sys
from typing import TYPE_CHECKING, Any, cast

import uvicorn
import uvloop

from benchmarks.load import SECRET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BODY = b'{"received":true}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


class Trivial(asyncio.Protocol):
    """The same bytes for whatever comes: what is left is what the generator can do."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER)


async def trivial(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", port)
    await server.serve_forever()


async def verifying(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """As little as a webhook's server can do in Python: it verifies the signature and keeps nothing."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    given = dict(scope["headers"]).get(b"x-sosyalkopru-signature", b"")
    wanted = b"sha256=" + hmac.digest(SECRET, body, "sha256").hex().encode()
    status = 200 if hmac.compare_digest(given, wanted) else 401
    await send({"type": "http.response.start", "status": status, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main() -> None:
    what, port = sys.argv[1], int(sys.argv[2])
    if what == "trivial":
        uvloop.run(trivial(port))
    else:
        uvicorn.run(
            verifying, host="127.0.0.1", port=port, lifespan="off", log_level="error", access_log=False, loop="asyncio"
        )


if __name__ == "__main__":
    main()
