"""The engine's limit: the row that the others keep, by pgbench, which comes with Postgres."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import others
from benchmarks.comparing import Failed, Figures
from benchmarks.load import requests
from benchmarks.measuring import children_cpu, postgres_cpu
from benchmarks.placing import MEASURED, on_cores
from benchmarks.programs import per_event
from benchmarks.tables import make_plain_events
from tracker.embedded.cluster import binaries

if TYPE_CHECKING:
    from benchmarks.bench import Bench

CLIENTS = 32
NONE = "there is no pgbench here (Debian: apt install postgresql-contrib)"

INSERT = """\\set n random(1, 1000000000000000)
insert into plain_events (source, delivery, body_hash, kind, post, occurred_at, headers, body)
values ('sosyalkopru', 'd-' || :n, sha256((:n)::text::bytea), 'post.published', 'post_' || :n,
        '20261110T120000Z', '{headers}', convert_to('{body}' || :n, 'UTF8'))
on conflict do nothing;
"""


def measure(bench: Bench, _run: int) -> Figures:
    """In the server's place, on the server's core."""
    program = binaries() / "pgbench"
    path = str(program) if program.is_file() else others.program("pgbench", NONE)
    with bench.store.fresh() as dsn, tempfile.TemporaryDirectory() as folder:
        make_plain_events(dsn)
        script = Path(folder) / "insert.sql"
        script.write_text(_script(), encoding="utf-8")
        command = [
            path, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(max(1, round(bench.seconds))),
            "-f", str(script), dsn,
        ]  # fmt: skip
        ours, postgres = children_cpu(), postgres_cpu()
        with on_cores(MEASURED):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        ours, postgres = children_cpu() - ours, postgres_cpu() - postgres
    return _read(done, ours, postgres)


def _script() -> str:
    """With a body and headers as long as those of the others."""
    head, body = next(requests(8000)).decode().split("\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    headers = ", ".join(f'"{name}": "{value.replace(":", ".")}"' for name, value in lines.items())
    return INSERT.format(headers=f"{{{headers}}}", body=body[:-1].replace(":", "."))


def _read(done: subprocess.CompletedProcess[str], ours: float, postgres: float) -> Figures:
    count = re.search(r"transactions actually processed: (\d+)", done.stdout)
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    latency = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    if not (count and rate and latency):
        raise Failed(f"pgbench failed: {done.stderr.strip()[-300:]}")
    return per_event(int(count[1]), int(count[1]) / float(rate[1]), ours, postgres)
