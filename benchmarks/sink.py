"""Where a rule's calls go: writes down when each came, and of which post: `python -m benchmarks.sink PORT FILE`."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POST = re.compile(rb"post_\d{13}")


def recording(
    path: Path,
) -> Callable[
    [dict[str, Any], Callable[[], Awaitable[dict[str, Any]]], Callable[[dict[str, Any]], Awaitable[None]]],
    Awaitable[None],
]:
    """An application that takes everything."""
    file = path.open("a", encoding="utf-8", buffering=1)

    async def app(
        _scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        came, body, more = time.time(), b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if found := POST.search(body):
            file.write(f"{found[0].decode()} {came}\n")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


def arrivals(path: Path) -> dict[str, float]:
    """By post, when it was first told of."""
    found: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        post, came = line.split()
        found.setdefault(post, float(came))
    return found


if __name__ == "__main__":
    uvicorn.run(
        recording(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), lifespan="off", log_level="error",
        access_log=False,
    )  # fmt: skip
