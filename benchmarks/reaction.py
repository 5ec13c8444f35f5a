"""The whole corridor: from a webhook, over its post and a rule, to the claim of an action, and to the call it makes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from benchmarks.comparing import Comparison, Failed, Figures, Side
from benchmarks.load import Load, percentile
from benchmarks.measuring import cpu_of, postgres_cpu
from benchmarks.placing import OTHERS, on_cores
from benchmarks.programs import a_server, free_port, per_event, python
from benchmarks.serving import tracker, until_ready
from benchmarks.sink import arrivals

if TYPE_CHECKING:
    from benchmarks.bench import Bench

PER_SECOND = 100
P99 = 50.0
CONNECTIONS = 16
PATIENCE = 30.0
WARMING = 1.0
FIRST, FIRST_WARMING = 10**9, 1
NAME = "tracker serve"

RULE = """
[rule.tell-the-sink]
on = "post.published"
do = [{ send = "sink", event = "post.published" }]
"""

CLAIMED = """
select e.post, extract(epoch from e.received_at)::float8, extract(epoch from min(t.started_at))::float8
  from events e
  join actions a on a.provider = e.provider and a.post = e.post
  join action_attempts t on t.action = a.id
 where e.source = 'sosyalkopru' and e.post >= $1
 group by e.post, e.received_at
"""


def compare(bench: Bench) -> list[Comparison]:
    """One side: what matters is how long it takes."""
    what = "all roles in one process; p50 and p99 from the receipt to the claim, and to the arrival of the call outside"
    title = f"Reacting to {PER_SECOND} webhooks a second, each of which makes a rule fire"
    found = bench.alternate("reaction", title, [Side(NAME, what, partial(measure, bench))])
    found.should("p99 from the receipt to the claim, ms", NAME, "p99", P99)
    return [found]


def measure(bench: Bench, _run: int) -> Figures:
    """On an empty database."""
    with tempfile.TemporaryDirectory() as folder, bench.store.fresh() as dsn:
        sink, heard = free_port(), Path(folder) / "heard"
        with (
            a_server(python("benchmarks.sink", sink, heard), sink, cores=OTHERS),
            tracker(dsn, rules=RULE, sink=sink) as (server, port),
            on_cores(OTHERS),
        ):
            until_ready(port, server)
            Load(port, CONNECTIONS, FIRST_WARMING).walk(WARMING, PER_SECOND)
            ours, postgres, began = cpu_of(server), postgres_cpu(), time.perf_counter()
            load = Load(port, CONNECTIONS, FIRST, bench.seconds * PER_SECOND)
            load.walk(bench.seconds, PER_SECOND)
            told = _all_heard(heard, load.answers)
            ours, postgres = cpu_of(server) - ours, postgres_cpu() - postgres
            figures = per_event(load.answers, time.perf_counter() - began, ours, postgres)
        return figures | _latencies(asyncio.run(_claimed(dsn)), told)


def _all_heard(heard: Path, count: int) -> dict[str, float]:
    deadline = time.monotonic() + PATIENCE
    while len(told := {p: at for p, at in arrivals(heard).items() if p >= name_of(FIRST)}) < count:
        if time.monotonic() > deadline:
            raise Failed(f"of {count} webhooks, {len(told)} led to a call within {PATIENCE:.0f} s")
        time.sleep(0.05)
    return told


async def _claimed(dsn: str) -> list[tuple[str, float, float]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(CLAIMED, name_of(FIRST))]
    finally:
        await connection.close()


def _latencies(claimed: list[tuple[str, float, float]], told: dict[str, float]) -> Figures:
    inside = [claim - receipt for _, receipt, claim in claimed]
    outside = [told[post] - receipt for post, receipt, _ in claimed]
    return {
        "p50": percentile(inside, 0.5),
        "p99": percentile(inside, 0.99),
        "outside_p50": percentile(outside, 0.5),
        "outside_p99": percentile(outside, 0.99),
    }


def name_of(number: int) -> str:
    """The post of a webhook of that number."""
    return f"post_{number:013d}"
