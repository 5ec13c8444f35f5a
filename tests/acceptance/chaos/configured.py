"""The service that is hurt: as it is usually configured, with rules that act, wait, expect and retry."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from tests.acceptance.chaos.loads import SECRET, WITHIN
from tests.acceptance.service import FAR_ENDS, Service, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.chaos.shifted import ShiftedClock

DESCRIPTORS = 1024
"""What one process may have open, as it is on most machines."""

CONFIG = (
    """
[server]
port = {port}

[database]
url = "{dsn}"
data_dir = "{data}"

"""
    + FAR_ENDS
    + """budget = "1000000 per hour"

[telemetry]
format = "json"
level = "warning"
{jobs}"""
)
QUIET = """
[jobs.reconcile]
every = "365d"
"""

RULES = f"""
[rule.tell]
on = ["post.published", "post.failed"]
do = [{{ send = "cms", event = "{{{{ event.name }}}}" }}]

[rule.later]
on   = "post.failed"
when = '!error.retryable'
do   = [{{ wait = "post.removed", at_most = "2s" }}, {{ send = "cms", event = "later" }}]

[rule.silent]
on     = "post.publishing"
expect = "post.published"
within = "{WITHIN:g}s"
do     = [{{ send = "cms", event = "silent" }}]

[rule.again]
on        = ["post.failed", "post.partial"]
when      = 'error.retryable && post.attempt < 4'
cancel_on = ["post.published", "post.removed"]
do        = [{{ retry = "publish", tries = 3, backoff = "1s x2 max 4s" }}]

[rule.warn]
on = "post.failed"
do = [{{ alert = "ops", title = "{{{{ post.id }}}} failed" }}]

[rule.often]
on   = "post.published"
per  = "provider"
once = "1s"
do   = [{{ send = "cms", event = "often" }}]
"""
BROKEN = '[rule.broken\non = "post.published"\n'


class HurtService(Service):
    """`tracker serve`, under a clock and with a number of descriptors that a fault may need."""

    data: Path
    dsn: str
    clock: ShiftedClock | None = None
    descriptors: int | None = None
    _said_before = 0

    @classmethod
    def nowhere(cls, folder: Path) -> Self:
        """One that is not configured yet."""
        service = cls.__new__(cls)
        service.folder, service.port, service.url, service.process = folder, 0, "", None
        return service

    @property
    def pid(self) -> int:
        """Its process, as it is at the moment."""
        assert self.process is not None
        return self.process.pid

    def start(self, *more: str) -> None:
        """Begin, without waiting until it is ready."""
        config = str(self.folder / "config.toml")
        command = [sys.executable, "-m", "tracker", "serve", "--config", config, "--migrate", *more]
        shifted = self.clock.environment if self.clock else {}
        with (self.folder / "serve.log").open("ab") as log:
            self._said_before = log.seek(0, os.SEEK_END)
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | shifted)
        if self.descriptors:
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (self.descriptors, most))

    @property
    def serving(self) -> bool:
        """Whether this start has come as far as to end in good order when it is told to."""
        with (self.folder / "serve.log").open("rb") as log:
            log.seek(self._said_before)
            return b"service.started" in log.read()

    def break_rules(self) -> None:
        """Save a rule file that is no TOML."""
        (self.folder / "rules" / "broken.toml").write_text(BROKEN)

    def mend_rules(self) -> None:
        """Put it right."""
        (self.folder / "rules" / "broken.toml").unlink(missing_ok=True)


def a_service(folder: Path, dsn: str, data: Path, provider: str, sink: str, jobs: str = "") -> HurtService:
    """Configured, and not started."""
    service = HurtService(folder, free_port(), dsn=dsn, lease="30s", provider=provider, secret=SECRET, sink=sink)
    service.data, service.dsn = data, dsn
    (folder / "rules" / "all.toml").write_text(RULES)
    (folder / "config.toml").write_text(
        CONFIG.format(
            port=service.port, dsn=dsn, data=data, provider=provider, secret=SECRET, sink=sink, jobs=jobs or QUIET
        )
    )
    return service
