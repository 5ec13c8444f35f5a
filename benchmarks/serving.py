"""`tracker serve` as its users run it, on a configuration of the benchmark's; the one place that starts it."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparing import Failed
from benchmarks.load import SECRET
from benchmarks.placing import MEASURED, OTHERS
from benchmarks.programs import PATIENCE, a_server, free_port, python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psutil

ALL_ROLES: Sequence[str] = ()

CONFIG = """
[server]
port = {port}

[database]
url = "{dsn}"
pool = 32

[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "http://127.0.0.1:9/v1"
api_key = "sk_of_the_benchmark"
webhook_secrets = ["{secret}"]

[endpoints.sink]
url = "http://127.0.0.1:{sink}/"
secrets = ["whsec_c2VjcmV0IG9mIHRoZSBiZW5jaG1hcms="]

[channels.ops]
kind = "log"

[outbound]
allow = ["127.0.0.1"]

[rules]
dir = "rules"
budget = "1000000 per hour"

[telemetry]
level = "error"
"""


def written(folder: Path, dsn: str, port: int, rules: str = "", sink: int = 9) -> Path:
    """The configuration and the rules, in that folder."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "benchmark.toml").write_text(rules, encoding="utf-8")
    config = folder / "config.toml"
    config.write_text(CONFIG.format(dsn=dsn, port=port, secret=SECRET.decode(), sink=sink), encoding="utf-8")
    return config


@contextmanager
def tracker(
    dsn: str,
    roles: Sequence[str] = ALL_ROLES,
    receiver: str = "",
    rules: str = "",
    sink: int = 9,
    *,
    pinned: bool = True,
) -> Iterator[tuple[psutil.Process, int]]:
    """The service and its port; `receiver` puts another one in the place of ours."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tracker-bench-") as folder:
        config = written(Path(folder), dsn, port, rules, sink)
        words = ["serve", "--config", config, *(word for role in roles for word in ("--role", role))]
        command = python("benchmarks.receivers", receiver, *words) if receiver else python("tracker", *words)
        with a_server(command, port, cores=MEASURED if pinned else MEASURED | OTHERS) as server:
            yield server, port


def until_ready(port: int, server: psutil.Process) -> None:
    """Until /readyz agrees."""
    deadline = time.monotonic() + PATIENCE
    while not _is_ready(port):
        if not server.is_running() or time.monotonic() > deadline:
            raise Failed("the service does not become ready")
        time.sleep(0.005)


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
