"""The log by itself: appending with dedup, beside one INSERT each and the eventsourcing library's recorder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import others
from benchmarks.comparing import Comparison, Figures, Side, cost, rate
from benchmarks.programs import python, work
from benchmarks.stores import environment

if TYPE_CHECKING:
    from benchmarks.bench import Bench

PAGE = 500
PAGES_PER_SECOND, ONES_PER_SECOND, TOGETHER_PER_SECOND = 5000, 400, 3000
APPEND, APPEND_ONE = "append, 500 a commit", "append, a commit each"
INSERT, INSERT_PAGES = "INSERT, a commit each", "INSERT, 500 a commit"
RECORDER, RECORDER_ONE = "eventsourcing, 500 a commit", "eventsourcing, a commit each"
TOGETHER = {"2 connections": 2, "8 connections": 8}
ABOUT = {
    APPEND: "tracker's log: dedup by delivery and by body in the same transaction",
    APPEND_ONE: "the same, one by one",
    INSERT: "a row with its dedup key, one by one, and no second key by body",
    INSERT_PAGES: "the same row, 500 in a pipeline and a commit",
    RECORDER: "PostgresApplicationRecorder: a total order by a lock on the table",
    RECORDER_ONE: "the same, one by one",
}


def compare(bench: Bench) -> list[Comparison]:
    """All of them, in alternation, by one connection each."""
    many, few = bench.many(PAGES_PER_SECOND), bench.many(ONES_PER_SECOND)
    measures = {
        APPEND: partial(ours, bench, "append", many, PAGE),
        APPEND_ONE: partial(ours, bench, "append", few, 1),
        INSERT: partial(ours, bench, "insert", few, 1),
        INSERT_PAGES: partial(ours, bench, "insert_pages", many, PAGE),
        RECORDER: partial(_recorder, bench, many, PAGE),
        RECORDER_ONE: partial(_recorder, bench, few, 1),
    }
    sides = [Side(name, ABOUT[name], measure) for name, measure in measures.items()]
    found = bench.alternate("log", f"The log: {many:,} events in pages, {few:,} one by one", sides)
    for name, other in ((APPEND, RECORDER), (APPEND_ONE, RECORDER_ONE), (APPEND, INSERT_PAGES), (APPEND_ONE, INSERT)):
        found.beside(f"rate, {name} ÷ {other}", name, other, rate)
        found.beside(f"CPU for each, {name} ÷ {other}", name, other, cost)
    return [found, _together(bench)]


def _together(bench: Bench) -> Comparison:
    """What more connections bring: where each commit waits for all others, nothing."""
    count = bench.many(TOGETHER_PER_SECOND)
    about = "tracker's log, 10 events a commit; two connections are one process's"
    sides = [Side(name, about, partial(_by_many, bench, count, number)) for name, number in TOGETHER.items()]
    found = bench.alternate("log", f"The log, by several connections at once: {count:,} events, 10 a commit", sides)
    few, many = TOGETHER
    found.beside(f"rate, {many} ÷ {few}", many, few, rate)
    return found


def _by_many(bench: Bench, count: int, connections: int, _run: int) -> Figures:
    with bench.store.fresh() as dsn:
        return work(python("benchmarks.appending_together", dsn, count, connections))


def ours(bench: Bench, how: str, count: int, per_commit: int, _run: int) -> Figures:
    """By a program of ours, on an empty database."""
    with bench.store.fresh() as dsn:
        return work(command(dsn, how, count, per_commit))


def command(dsn: str, how: str, count: int, per_commit: int) -> list[str]:
    """The program, which keeps so many in each round."""
    return python("benchmarks.appending", how, dsn, count, per_commit)


def _recorder(bench: Bench, count: int, per_commit: int, _run: int) -> Figures:
    recorder = [others.queues_python(), "-m", "benchmarks.queues.eventsourcing_log", str(count), str(per_commit)]
    with bench.store.fresh() as dsn:
        return work(recorder, environment(dsn))
