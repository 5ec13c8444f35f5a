"""The door: acknowledged webhooks a second, beside servers that keep nothing, keep one by one, or are not ours."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import others, pgbench
from benchmarks.comparing import Comparison, Failed, Figures, Side, cost, rate
from benchmarks.load import SECRET, Load
from benchmarks.measuring import cpu_of, postgres_cpu
from benchmarks.placing import OTHERS, on_cores
from benchmarks.programs import a_server, free_port, per_event, python
from benchmarks.serving import tracker
from benchmarks.stores import environment
from benchmarks.tables import counted, make_plain_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import psutil

    from benchmarks.bench import Bench

    Opened = Callable[[str], AbstractContextManager[tuple[psutil.Process, int]]]

WARMING = 0.25
"""Of a run's time, before the clock runs."""
EXPECTED = 15_000
"""Requests a second for which is signed ahead."""
TENTH = 0.1
P99_AT_A_TENTH = 10.0
FULL, NEAR = 92.0, 0.8
RUNS_APART = 10**9

TRIVIAL, TRACKER, FORGETFUL, ONE_BY_ONE = "generator alone", "tracker", "… keeping nothing", "… one INSERT each"
EXPRESS, EXPRESS_PG, FASTIFY_PG, PGBENCH = (
    "Express, as guides show",
    "Express + pg",
    "Fastify + pg",
    "pgbench, 32 clients",
)
ABOUT = {
    TRIVIAL: "a server that answers fixed bytes: what the load generator can do",
    TRACKER: "tracker serve --role receiver: verified, committed, synchronous_commit on",
    FORGETFUL: "the same server, verifying and storing nothing",
    ONE_BY_ONE: "the same server, each event by a commit of its own",
    EXPRESS: "HMAC verified, 200 at once, nothing stored",
    EXPRESS_PG: "the same with INSERT … ON CONFLICT DO NOTHING before the answer",
    FASTIFY_PG: "the same on Fastify",
    PGBENCH: "the same row by the engine's own tool, in the server's place: the engine's limit",
}


def compare(bench: Bench) -> list[Comparison]:
    """All of them, in alternation."""
    tables = {EXPRESS_PG: "plain_events", FASTIFY_PG: "plain_events", EXPRESS: None, TRIVIAL: None}
    sides = [
        Side(name, ABOUT[name], partial(measure, bench, opened, tables.get(name, "events"), name != FORGETFUL))
        for name, opened in _servers().items()
    ]
    sides.append(Side(PGBENCH, ABOUT[PGBENCH], partial(pgbench.measure, bench)))
    found = bench.alternate("door", f"The door: signed webhooks over {bench.connections} connections", sides)
    _judge(found)
    return [found]


def measure(bench: Bench, opened: Opened, table: str | None, keeps: bool, run: int) -> Figures:
    """One server on an empty database: as fast as it can, then at a tenth of that."""
    with bench.store.fresh() as dsn:
        make_plain_events(dsn)
        with opened(dsn) as (server, port), on_cores(OTHERS):
            start = (run + 1) * RUNS_APART
            rushed = _sent(Load(port, bench.connections, start), bench.seconds * WARMING)
            load = Load(port, bench.connections, start + RUNS_APART // 10, bench.seconds * EXPECTED)
            figures = rush(load, server, bench.seconds)
            calm = Load(port, bench.connections, start + RUNS_APART // 5, bench.seconds * EXPECTED * TENTH)
            calm.walk(bench.seconds / 2, figures["per_second"] * TENTH)
            figures |= _latencies(calm, "calm_p")
            _check(dsn, table, keeps, rushed + _answers(load) + _answers(calm))
    return figures


def rush(load: Load, server: psutil.Process, seconds: float) -> Figures:
    """As fast as the answers come, and what that took."""
    ours, postgres = cpu_of(server), postgres_cpu()
    load.rush(seconds)
    ours, postgres = cpu_of(server) - ours, postgres_cpu() - postgres
    figures = per_event(load.answers, load.wall, ours, postgres) | _latencies(load, "p")
    return figures | {"generator_core": 100 * load.cpu / load.wall}


def _servers() -> dict[str, Opened]:
    return {
        TRIVIAL: bare("trivial"),
        TRACKER: ours(),
        FORGETFUL: ours("forgetful"),
        ONE_BY_ONE: ours("one_by_one"),
        EXPRESS: _node("express.js"),
        EXPRESS_PG: _node("express.js", "keep"),
        FASTIFY_PG: _node("fastify.js"),
    }


def _sent(load: Load, seconds: float) -> int:
    load.rush(seconds)
    return _answers(load)


def _answers(load: Load) -> int:
    """How many were acknowledged; anything else is a failure."""
    if set(load.statuses) != {b"200"}:
        raise Failed(f"it answered { ({status.decode(): n for status, n in load.statuses.items()}) }")
    return load.answers


def _latencies(load: Load, prefix: str) -> Figures:
    _answers(load)
    return {f"{prefix}50": load.percentile(0.5), f"{prefix}99": load.percentile(0.99)}


def _check(dsn: str, table: str | None, keeps: bool, acknowledged: int) -> None:
    """What was acknowledged is kept, or, where it must not be, is not: otherwise the comparison says nothing."""
    if table and (kept := counted(dsn, table)) != (wanted := acknowledged if keeps else 0):
        raise Failed(f"{acknowledged} webhooks were acknowledged and {kept} are kept: {wanted} should be")


def ours(receiver: str = "") -> Opened:
    return partial(tracker, roles=["receiver"], receiver=receiver)


def bare(what: str) -> Opened:
    @contextmanager
    def opened(_dsn: str) -> Iterator[tuple[psutil.Process, int]]:
        port = free_port()
        with a_server(python("benchmarks.bare", what, port), port) as server:
            yield server, port

    return opened


def _node(script: str, *words: str) -> Opened:
    @contextmanager
    def opened(dsn: str) -> Iterator[tuple[psutil.Process, int]]:
        port, program = free_port(), others.node()
        variables = environment(dsn) | {"NODE_ENV": "production", "WEBHOOK_SECRET": SECRET.decode()}
        with a_server([program, str(others.NODE / script), str(port), *words], port, variables) as server:
            yield server, port

    return opened


def _judge(found: Comparison) -> None:
    for name in (FORGETFUL, ONE_BY_ONE, EXPRESS, EXPRESS_PG, FASTIFY_PG, PGBENCH):
        found.beside(f"rate, tracker ÷ {name}", TRACKER, name, rate)
    for name in (FORGETFUL, ONE_BY_ONE, EXPRESS_PG, FASTIFY_PG):
        found.beside(f"CPU for each, tracker ÷ {name}", TRACKER, name, cost)
    found.should("tracker: p99 at a tenth of its limit, ms", TRACKER, "calm_p99", P99_AT_A_TENTH)
    found.notes += [note for name in found.runs if name != TRIVIAL for note in limits(found, name)]


def limits(found: Comparison, name: str) -> list[str]:
    """What to say where something other than the server set a side's rate."""
    own, generator = found.spread(name, "server_core"), found.spread(name, "generator_core")
    postgres, reached = found.spread(name, "postgres_core"), found.spread(name, "per_second")
    alone = found.spread(TRIVIAL, "per_second")
    if not (own and generator and postgres and reached):
        return []
    said = []
    if own.median < FULL <= generator.median + postgres.median:
        said.append(
            f"{name}: the rate is limited by the other core, and not by the server, which used {own.median:.0f} %"
            f" of its own: the generator used {generator.median:.0f} % of the other, Postgres {postgres.median:.0f} %"
        )
    if alone and reached.median > NEAR * alone.median:
        said.append(f"{name}: the rate is near {alone.median:,.0f} a second, which is all that the generator can do")
    return said
