"""One, two and four servers on one Postgres, pinned to nothing: a core for each is more than most machines have."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.comparing import Comparison, Failed, Figures, Side, rate
from benchmarks.door import EXPECTED, RUNS_APART, WARMING
from benchmarks.load import Load
from benchmarks.measuring import cpu_of, postgres_cpu
from benchmarks.programs import per_event
from benchmarks.serving import ALL_ROLES, tracker, until_ready
from benchmarks.tables import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.bench import Bench

PROCESSES = (1, 2, 4)
PATIENCE = 120.0
LOOKS = 0.02

NOT_FOLDED = """
select count(*) from events e left join subscriptions s on s.name = 'processor' and s.bucket = e.bucket
 where not coalesce(e.epoch < s.epoch or e.epoch = s.epoch and pg_visible_in_snapshot(e.xid, s.snapshot), false)
"""


def compare(bench: Bench) -> list[Comparison]:
    """What is acknowledged by doors alone; and what comes out at the end of everything, without a rule."""
    return [
        _of(bench, "webhooks acknowledged by doors", ["receiver"]),
        _of(bench, "webhooks acknowledged and folded by services with all roles", ALL_ROLES),
    ]


def _of(bench: Bench, what: str, roles: Sequence[str]) -> Comparison:
    sides = [
        Side(f"{processes} processes", "pinned to nothing", partial(_measure, bench, roles, processes))
        for processes in PROCESSES
    ]
    comparison = bench.alternate("processes", f"Several processes: {what}", sides)
    for side in sides[1:]:
        comparison.beside(f"a second, {side.name} ÷ {sides[0].name}", side.name, sides[0].name, rate)
    return comparison


def _measure(bench: Bench, roles: Sequence[str], processes: int, run: int) -> Figures:
    """On an empty database."""
    with bench.store.fresh() as dsn, ExitStack() as stack:
        started = [stack.enter_context(tracker(dsn, roles, pinned=False)) for _ in range(processes)]
        servers, ports = zip(*started, strict=True)
        if not roles:
            for server, port in started:
                until_ready(port, server)
        start = (2 * run + 1) * RUNS_APART
        Load(ports, bench.connections, start).rush(bench.seconds * WARMING)
        load = Load(ports, bench.connections, start + RUNS_APART, bench.seconds * EXPECTED)
        ours, postgres, began = sum(map(cpu_of, servers)), postgres_cpu(), time.perf_counter()
        load.rush(bench.seconds)
        if not roles:
            _until_folded(dsn)
        wall = time.perf_counter() - began
        ours, postgres = sum(map(cpu_of, servers)) - ours, postgres_cpu() - postgres
        return per_event(load.answers, wall, ours, postgres) | {
            "p50": load.percentile(0.5),
            "p99": load.percentile(0.99),
        }


def _until_folded(dsn: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while number(dsn, NOT_FOLDED):
        if time.monotonic() > deadline:
            raise Failed(f"what was acknowledged was not folded within {PATIENCE:.0f} s")
        time.sleep(LOOKS)
