"""What the service holds, and how soon it is ready: just started, after many events, and started again with them."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.comparing import Comparison, Figures, Side, alternate
from benchmarks.load import Load
from benchmarks.placing import OTHERS, on_cores
from benchmarks.serving import tracker, until_ready
from benchmarks.tables import number

if TYPE_CHECKING:
    from benchmarks.bench import Bench

EVENTS = 1_000_000
MEBIBYTE = 2**20
FOLDED = "select coalesce(sum(version), 0) from posts"
RESIDENT = 150.0
PART_OF_A_RUSH = 5.0
EMPTY, FULL, AGAIN = "just started", "after the events", "started again"


def compare(bench: Bench) -> list[Comparison]:
    """The long one once, the starts as often as everything else."""
    events = max(bench.events, default=EVENTS)
    with bench.store.fresh() as empty, bench.store.fresh() as full:
        title = f"Memory of tracker serve with all roles, {events:,} events through the door, and its start"
        once = [Side(FULL, "every event taken and projected; Postgres apart", partial(_filled, bench, full, events))]
        found = alternate("memory", title, once, 1, bench.tell)
        starts = [
            Side(EMPTY, "seconds until /readyz, on an empty store", partial(_started, empty)),
            Side(AGAIN, "the same with the events in the store", partial(_started, full)),
        ]
        started = bench.alternate("memory", title, starts)
    found.about |= started.about
    found.runs |= started.runs
    found.missing |= started.missing
    found.failed |= started.failed
    found.should(f"MiB resident after {events:,} events", FULL, "resident", RESIDENT)
    return [found]


def _started(dsn: str, _run: int) -> Figures:
    began = time.perf_counter()
    with tracker(dsn) as (server, port):
        until_ready(port, server)
        return {"seconds": time.perf_counter() - began} | _held(server)


def _filled(bench: Bench, dsn: str, events: int, _run: int) -> Figures:
    with tracker(dsn) as (server, port), on_cores(OTHERS):
        until_ready(port, server)
        began, sent = time.perf_counter(), 0
        while sent < events:
            load = Load(port, bench.connections, sent)
            load.rush(PART_OF_A_RUSH, events - sent)
            sent += load.answers
            bench.tell(f"memory: {sent:,} of {events:,} events, {_held(server)['resident']:.0f} MiB")
        while number(dsn, FOLDED) < sent:
            time.sleep(0.5)
        return {"per_second": sent / (time.perf_counter() - began)} | _held(server)


def _held(server: psutil.Process) -> Figures:
    return {
        "resident": server.memory_info().rss / MEBIBYTE,
        "peak": _peak(server),
        "postgres_resident": _of_postgres() / MEBIBYTE,
    }


def _peak(server: psutil.Process) -> float:
    """The most that it ever held, where the system tells."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return float(server.memory_info().rss) / MEBIBYTE


def _of_postgres() -> float:
    """Each process's share of what they have in common, and what is its own."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.name().startswith("postgres"):
                total += getattr(process.memory_full_info(), "pss", 0)
    return total
