"""A tunnel client that is installed: run as a process of its own, until it has said its public address, or is over."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.errors import Misconfigured, Unavailable, printable

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

PATIENCE = 90.0
"""Seconds until the address is known; npx may have to fetch its package first."""
GRACE = 5.0
"""Seconds in which a client that is asked to end does so."""
LAST_LINES = 5
LONGEST_LINE = 2**20


@dataclass(frozen=True, slots=True)
class TunnelClient:
    """How a client is called, with {port} for the port here, and where its output tells the public address."""

    command: str
    address: str


CLIENTS = {
    "cloudflared": TunnelClient(
        "cloudflared tunnel --no-autoupdate --url http://127.0.0.1:{port}",
        r"(https://(?!api\.)[a-z0-9-]+\.trycloudflare\.com)",
    ),
    "ngrok": TunnelClient("ngrok http {port} --log stdout --log-format logfmt", r"\burl=(https://\S+)"),
    "localtunnel": TunnelClient("npx --yes localtunnel --port {port} --local-host 127.0.0.1", r"your url is: (\S+)"),
}
ANY_ADDRESS = r"(https?://[\w.-]+(?::\d+)?)"


def tunnel_client(name: str | None, command: str | None) -> TunnelClient:
    """The client of that name or with that command, or else the first one that is installed; raises Misconfigured."""
    if command:
        return TunnelClient(command, ANY_ADDRESS)
    for known in [name] if name else CLIENTS:
        if shutil.which(CLIENTS[known].command.split()[0]):
            return CLIENTS[known]
    if name:
        raise Misconfigured(f"{CLIENTS[name].command.split()[0]} is not installed", key="--tunnel")
    raise Misconfigured("no tunnel client is installed: cloudflared, ngrok, or npx for localtunnel; or name any other"
                        " one by --command", key="--tunnel")  # fmt: skip


class Tunnel:
    """A client at work. Its address holds until it has ended."""

    def __init__(self, process: Process, address: str) -> None:
        self._process, self._pattern = process, re.compile(address)
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.create_task(self._read())

    async def address(self) -> str:
        """The public address, once the client has said it; raises Unavailable when it has ended, or says none."""
        await asyncio.wait([self._address, self.ended], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if self._address.done():
            return self._address.result().rstrip("/")
        if self.ended.done():
            raise Unavailable(f"the tunnel has not come about: {self.ended.result()}")
        raise Unavailable(f"the tunnel has told no address within {PATIENCE:.0f} s: {self._said()}")

    async def close(self) -> None:
        """Ask it to end, with all that it has started, and make it."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.ended), GRACE)
                return

    async def _read(self) -> str:
        """How it ended, with what it said last."""
        assert self._process.stdout is not None  # noqa: S101  (it was asked for)
        with suppress(ValueError):  # a line without an end: nobody reads on
            async for line in self._process.stdout:
                text = printable(line.decode(errors="replace").strip())
                self._last.append(text)
                if not self._address.done() and (found := self._pattern.search(text)):
                    self._address.set_result(found[1])
        code = await self._process.wait()
        return f"it ended with {code}: {self._said()}"

    def _said(self) -> str:
        return " / ".join(filter(None, self._last)) or "it said nothing"


@asynccontextmanager
async def tunnel(client: TunnelClient, port: int) -> AsyncIterator[Tunnel]:
    """A tunnel to the port here, for as long as the block lasts; a Ctrl-C at the terminal does not reach the client."""
    words = [word.replace("{port}", str(port)) for word in shlex.split(client.command)]
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True, limit=LONGEST_LINE,
        )  # fmt: skip
    except OSError as error:
        raise Misconfigured(f"{words[0]} cannot be run: {error.strerror}", key="--command") from error
    running = Tunnel(process, client.address)
    try:
        yield running
    finally:
        await running.close()
