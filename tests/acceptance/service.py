"""tracker as its users run it: a process of its own, which the test may kill at any moment."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx2

from tests import plain_http
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FAR_ENDS = """[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "{provider}"
api_key = "sk_simulated"
webhook_secrets = ["{secret}"]
budget = "1000000 per hour"

[endpoints.cms]
url = "{sink}"
secrets = ["whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"]

[channels.ops]
kind = "log"

[outbound]
allow = ["127.0.0.1"]
timeout = "5s"

[rules]
dir = "rules"
"""
"""The simulated provider, who is told, and where the rules are; the last section goes on."""

CONFIG = (
    """
[server]
port = {port}

[database]
url = "{dsn}"

[engine]
lease = "{lease}"
poll = "200ms"

"""
    + FAR_ENDS
    + """
[dashboard]
edit_rules = true

[telemetry]
format = "json"
level = "warning"
"""
)

RULES = """
[rule.tell-the-cms]
on = ["post.published", "post.failed", "post.partial"]
do = [{ send = "cms", event = "{{ event.name }}" }]

[rule.try-again]
on        = ["post.failed", "post.partial"]
when      = "error.retryable && post.attempt < 3"
cancel_on = ["post.published", "post.removed"]
do        = [{ retry = "publish", tries = 2, backoff = "1s x2 max 4s" }]
exhausted = [{ alert = "ops", title = "{{ post.id }} gave up after {{ run.tries }} tries" }]
"""


def free_port() -> int:
    """A port of the loopback that nobody uses at the moment.

    It is none of those that the system gives to connections: a client that tries again and again while nobody listens
    would at last be connected to itself, and keep the port.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Service:
    """`tracker serve` on a config of its own; `environment` is what it gets beside the test's."""

    environment: Mapping[str, str] = MappingProxyType({})

    def __init__(self, folder: Path, port: int, **values: str) -> None:
        self.folder, self.port, self.url = folder, port, f"http://127.0.0.1:{port}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules").mkdir(exist_ok=True)
        (folder / "rules" / "all.toml").write_text(RULES)
        (folder / "config.toml").write_text(CONFIG.format(port=port, **values))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> None:
        """Begin, without waiting until it is ready."""
        config = str(self.folder / "config.toml")
        command = [sys.executable, "-m", "tracker", "serve", "--config", config, "--migrate", *more]
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **self.environment})

    async def ready(self, seconds: float = 60) -> None:
        """Until /readyz agrees; fails with the end of the log when the process has ended or time is over."""

        async def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log_end()
            try:
                return (await client.get(f"{self.url}/readyz")).is_success
            except httpx2.TransportError:
                return False

        async with plain_http.client(timeout=5) as client:
            await until(answers, lambda: f"it is ready\n{self.log_end()}", seconds)

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, and answer with its exit code."""
        return self._end(signal.SIGTERM)

    def log_end(self) -> str:
        """What it said last."""
        return "\n".join((self.folder / "serve.log").read_text(errors="replace").splitlines()[-30:])

    def _end(self, how: signal.Signals) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)
