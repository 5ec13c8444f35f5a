"""Performing actions that do nothing: the worker beside the queues that others made, on the same Postgres."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import others
from benchmarks.comparing import Comparison, Figures, Side, cost, rate
from benchmarks.programs import python, work
from benchmarks.stores import environment

if TYPE_CHECKING:
    from benchmarks.bench import Bench

PER_SECOND, PROCRASTINATE_PER_SECOND = 2000, 500
WORKER, LOOP, QUEUE = "tracker's worker", "plain loop", "plain queue"
PROCRASTINATE, PGQUEUER = "Procrastinate", "PgQueuer"
ABOUT = {
    WORKER: "a leased claim, an attempt on record, a fact in the log for each; default settings",
    LOOP: "one UPDATE for each job, by one connection: no lease, no attempts, no log",
    QUEUE: "a claim of 16, and for each a transaction that ends it and its attempt; no lease, no log",
    PROCRASTINATE: "concurrency 32, 10 connections, uvloop, jobs and their events kept",
    PGQUEUER: "100 a batch, 10 connections, asyncpg, uvloop, its log kept",
}


def compare(bench: Bench) -> list[Comparison]:
    """All of them, in alternation; each has one process, and its jobs are there before the clock runs."""
    many, few = bench.many(PER_SECOND), bench.many(PROCRASTINATE_PER_SECOND)
    measures = {
        WORKER: partial(ours, bench, "worker", many),
        LOOP: partial(ours, bench, "loop", many),
        QUEUE: partial(ours, bench, "queue", many),
        PROCRASTINATE: partial(_others, bench, "procrastinate_jobs", few),
        PGQUEUER: partial(_others, bench, "pgqueuer_jobs", many),
    }
    sides = [Side(name, ABOUT[name], measure) for name, measure in measures.items()]
    title = f"Actions: {many:,} that do nothing ({few:,} for the slowest), performed by one process"
    found = bench.alternate("actions", title, sides)
    for name in (LOOP, QUEUE, PROCRASTINATE, PGQUEUER):
        found.beside(f"rate, tracker ÷ {name}", WORKER, name, rate)
        found.beside(f"CPU for each, tracker ÷ {name}", WORKER, name, cost)
    return [found]


def ours(bench: Bench, how: str, count: int, _run: int) -> Figures:
    """By a program of ours, on an empty database."""
    with bench.store.fresh() as dsn:
        return work(command(dsn, how, count))


def command(dsn: str, how: str, count: int, first: int = 0) -> list[str]:
    """The program, which performs so many in each round."""
    return python("benchmarks.performing", how, dsn, count, first)


def _others(bench: Bench, module: str, count: int, _run: int) -> Figures:
    with bench.store.fresh() as dsn:
        return work([others.queues_python(), "-m", f"benchmarks.queues.{module}", str(count)], environment(dsn))
