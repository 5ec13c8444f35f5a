"""A provider of a few lines: posts that have failed, which it may retry or create anew, as slowly as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.integration.hostile import read_request, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FAILED = {
    "status": "FAILED",
    "content": {"text": "hello"},
    "platforms": [{"platform": "x", "status": "FAILED"}, {"platform": "tiktok", "status": "FAILED"}],
}
RECREATE = {"platforms": "platforms.*.platform", "content": "content"}


@dataclass
class LittleProvider:
    """It says that a post has failed long after it has taken a retry of it.

    `calls` are "POST /posts" and the like with the key that came with each; `writing` is how many calls that are no
    questions are under way, and `most` the most at once; they wait for `go`. While `loses` is above 0, so many of
    their answers get lost once the work is done.
    """

    url: str = ""
    posts: dict[str, dict[str, Any]] = field(default_factory=lambda: {"p1": dict(FAILED)})
    calls: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    writing: int = 0
    most: int = 0
    loses: int = 0
    by_key: dict[str, str] = field(default_factory=dict)

    @property
    def made(self) -> Counter[str]:
        """Calls that are no questions, by method and path."""
        return Counter(call for call, _ in self.calls if not call.startswith("GET"))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            method, path, _ = lines[0].split(" ")
            key = next((line.partition(": ")[2] for line in lines if line.startswith("idempotency-key")), "")
            self.calls.append((f"{method} {path}", key))
            status, told = 200, await self._written(path, key, body) if method == "POST" else self.posts.get(path[7:])
            if method == "POST" and self.loses:
                self.loses -= 1
                return
            if told is None:
                status, told = 404, {}
            content = json.dumps({"success": status == 200, "data": told}).encode()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content))
            await writer.drain()

    async def _written(self, path: str, key: str, body: bytes) -> dict[str, Any]:
        self.writing += 1
        self.most = max(self.most, self.writing)
        self.begun.set()
        await self.go.wait()
        self.writing -= 1
        if path != "/posts":
            return {}
        self.bodies.append(json.loads(body))
        post = self.by_key.setdefault(key, f"p{len(self.posts) + 1}")
        self.posts[post] = dict(FAILED)
        return {"id": post}


@asynccontextmanager
async def little_provider(*, slow: bool = False) -> AsyncIterator[LittleProvider]:
    """One that runs until the block ends; a slow one writes nothing before it may `go`."""
    provider = LittleProvider()
    if not slow:
        provider.go.set()
    async with serving(provider.answer) as server:
        provider.url = server.url("")
        yield provider
