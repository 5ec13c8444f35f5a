"""What one webhook costs on its whole way, with a rule that acts and the fact that it has acted, at several rates."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench import tell_aside
from benchmarks.comparing import Comparison, Failed, Figures, Side
from benchmarks.load import Load
from benchmarks.measuring import cpu_of, postgres_cpu
from benchmarks.placing import OTHERS, on_cores
from benchmarks.programs import a_server, free_port, per_event, python
from benchmarks.reaction import RULE, name_of
from benchmarks.serving import tracker, until_ready
from benchmarks.sink import arrivals
from benchmarks.statements import statements
from benchmarks.tables import number

if TYPE_CHECKING:
    import psutil

    from benchmarks.bench import Bench

RATES = (1, 10, 100)
FEWEST, FLAT_OUT = 20, 250
"""How many are sent at least; and for each second of a run, where nothing holds them back."""
CONNECTIONS = 16
PATIENCE, SETTLING, WARMING = 120.0, 0.5, 1.0
WARM, MEASURED, COUNTED = 1, 10**9, 2 * 10**9
"""The first post of each part of a run. Statements are counted apart, for it costs CPU to write them down."""
SHOWN = 25

SETTLED = """
select count(*) from events e join subscriptions s on s.name = 'processor' and s.bucket = e.bucket
 where e.kind = 'action.done' and (e.epoch < s.epoch or e.epoch = s.epoch and pg_visible_in_snapshot(e.xid, s.snapshot))
   and e.post >= '{}'
"""
WAL = "select (pg_current_wal_lsn() - '0/0')::bigint"


@dataclass(frozen=True)
class Service:
    """What is measured, and what is asked about it."""

    bench: Bench
    rate: int
    dsn: str
    port: int
    server: psutil.Process
    heard: Path

    def send(self, first: int, seconds: float) -> int:
        """Webhooks about posts from that one on, and wait until the call of each was made; answers how many."""
        load = Load(self.port, min(CONNECTIONS, self.rate or CONNECTIONS), first, seconds * FLAT_OUT)
        if self.rate:
            load.walk(max(seconds, FEWEST / self.rate) if first > WARM else seconds, self.rate)
        else:
            load.rush(seconds, round(seconds * FLAT_OUT))
        deadline = time.monotonic() + PATIENCE
        while sum(post >= name_of(first) for post in arrivals(self.heard)) < load.answers:
            if time.monotonic() > deadline:
                raise Failed(f"{load.answers} webhooks did not all lead to a call within {PATIENCE:.0f} s")
            time.sleep(0.02)
        return load.answers

    def settle(self, first: int, count: int) -> None:
        """Until it is on record of each that its call was made."""
        deadline = time.monotonic() + PATIENCE
        while number(self.dsn, SETTLED.format(name_of(first))) < count:
            if time.monotonic() > deadline:
                raise Failed(f"{count} calls were not all recorded within {PATIENCE:.0f} s")
            time.sleep(SETTLING)


def compare(bench: Bench) -> list[Comparison]:
    """One side for each rate."""
    title = "One webhook through everything, with one rule that acts, and the fact that it has acted"
    what = "all roles in one process; what waiting for the next one costs is in it"
    sides = [Side(f"{rate} a second", what, partial(measure, bench, rate)) for rate in RATES]
    flat_out = f"{CONNECTIONS} connections, each of which sends as soon as it has its answer"
    return [bench.alternate("webhook", title, [*sides, Side("flat out", flat_out, partial(measure, bench, 0))])]


def measure(bench: Bench, rate: int, run: int) -> Figures:
    """On an empty database."""
    with tempfile.TemporaryDirectory() as folder, bench.store.fresh() as dsn:
        sink, heard = free_port(), Path(folder) / "heard"
        with (
            a_server(python("benchmarks.sink", sink, heard), sink, cores=OTHERS),
            tracker(dsn, rules=RULE, sink=sink) as (server, port),
            on_cores(OTHERS),
        ):
            until_ready(port, server)
            service = Service(bench, rate, dsn, port, server, heard)
            service.settle(WARM, service.send(WARM, WARMING))
            return _cost(service) | _statements(service, show=run == 0 and rate == max(RATES))


def _cost(service: Service) -> Figures:
    wal = number(service.dsn, WAL)
    ours, postgres, began = cpu_of(service.server), postgres_cpu(), time.perf_counter()
    count = service.send(MEASURED, service.bench.seconds)
    wall = time.perf_counter() - began
    time.sleep(SETTLING)
    ours, postgres = cpu_of(service.server) - ours, postgres_cpu() - postgres
    service.settle(MEASURED, count)
    return per_event(count, wall, ours, postgres) | {"wal": (number(service.dsn, WAL) - wal) / count}


def _statements(service: Service, *, show: bool) -> Figures:
    with statements(service.dsn, service.bench.store.log) as told:
        count = service.send(COUNTED, min(service.bench.seconds, 4.0))
        time.sleep(SETTLING)
    if show:
        tell_aside(f"webhook: the statements of one, {service.rate} a second")
        for text, times in told.each.most_common(SHOWN):
            tell_aside(f"{times / count:8.2f}  {text}")
    return {
        "statements": told.statements / count,
        "transactions": told.transactions / count,
        "commits": told.written / count,
    }
