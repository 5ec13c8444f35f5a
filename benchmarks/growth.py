"""The same figures with more and more in the store: which of them grow?"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import httpx2

from benchmarks import actions, door, processor
from benchmarks.comparing import Comparison, Failed, Figures, Side, cost
from benchmarks.growth_fill import fill
from benchmarks.load import Load, percentile
from benchmarks.measuring import cpu_of, postgres_cpu
from benchmarks.placing import OTHERS, on_cores
from benchmarks.programs import per_event, work
from benchmarks.serving import tracker, until_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psutil

    from benchmarks.bench import Bench

EVENTS = (500_000, 5_000_000, 50_000_000)
ACTIONS_PER_SECOND, EVENTS_PER_SECOND, ASKED_PER_SECOND = 200, 1500, 20
NUMBERS = count(1)
"""Every measurement sends, appends and intends what no other one did."""

RULE = """
[rule.told]
on = "post.failed"
when = "error.retryable"
do = [{ alert = "ops", title = "{{ post.id }} failed" }]

[rule.told-of-all]
on = "post.published"
do = [{ send = "sink", event = "post.published" }]
"""

QUESTIONS = {
    "the newest posts": "/api/v1/posts",
    "failed posts": "/api/v1/posts?state=failed",
    "posts of an account": "/api/v1/posts?account=acc_43",
    "one post": "/api/v1/posts/post_442",
    "… its history": "/api/v1/posts/post_442/history",
    "… why": "/api/v1/posts/post_442/why",
}


@dataclass(frozen=True)
class Filled:
    """A store of some size, and a key that may read."""

    name: str
    dsn: str
    key: str


def compare(bench: Bench) -> list[Comparison]:
    """Every size is filled first; then all of them are measured in turn."""
    with ExitStack() as stack:
        stores = []
        for events in bench.events or EVENTS:
            bench.tell(f"growth: filling a store with {events:,} events")
            dsn = stack.enter_context(bench.store.fresh())
            stores.append(Filled(f"{events:,} events", dsn, asyncio.run(fill(dsn, events))))
        return [
            _of(bench, stores, "webhooks acknowledged, one server", _door),
            _of(bench, stores, "events processed", _processor),
            _of(bench, stores, "actions performed", _worker),
            _of(bench, stores, "until /readyz, and memory then", _start),
            *_questions(bench, stores),
        ]


def _of(bench: Bench, stores: Sequence[Filled], what: str, measure: Callable[[Bench, Filled], Figures]) -> Comparison:
    def side(store: Filled) -> Side:
        return Side(store.name, "in the store", lambda _run: measure(bench, store))

    found = bench.alternate("growth", f"With more in the store: {what}", [side(store) for store in stores])
    for store in stores[1:]:
        for value, name in ((cost, "CPU for each"), (_p50, "p50")):
            if all(_has(found, each.name, value) for each in (store, stores[0])):
                found.beside(f"{name}, {store.name} ÷ {stores[0].name}", store.name, stores[0].name, value)
    return found


def _p50(figures: Figures) -> float:
    return figures["p50"]


def _has(found: Comparison, side: str, value: Callable[[Figures], float]) -> bool:
    try:
        return bool([value(figures) for figures in found.runs.get(side, ())])
    except KeyError:
        return False


def _door(bench: Bench, store: Filled) -> Figures:
    with tracker(store.dsn, ["receiver"]) as (server, port), on_cores(OTHERS):
        start = next(NUMBERS) * door.RUNS_APART
        Load(port, bench.connections, start).rush(bench.seconds * door.WARMING)
        load = Load(port, bench.connections, start + door.RUNS_APART // 2, bench.seconds * door.EXPECTED)
        return door.rush(load, server, bench.seconds)


def _processor(bench: Bench, store: Filled) -> Figures:
    return work(processor.command(store.dsn, "live", bench.many(EVENTS_PER_SECOND), next(NUMBERS)))


def _worker(bench: Bench, store: Filled) -> Figures:
    return work(actions.command(store.dsn, "worker", bench.many(ACTIONS_PER_SECOND), next(NUMBERS)))


def _start(_bench: Bench, store: Filled) -> Figures:
    began = time.perf_counter()
    with tracker(store.dsn, rules=RULE) as (server, port):
        until_ready(port, server)
        return {"seconds": time.perf_counter() - began, "resident": server.memory_info().rss / 2**20}


def _questions(bench: Bench, stores: Sequence[Filled]) -> list[Comparison]:
    """One at a time, over a kept connection, to a server for each store."""
    with ExitStack() as stack:
        servers = {store.name: stack.enter_context(tracker(store.dsn, ["api"], rules=RULE)) for store in stores}

        def measure(where: str, bench: Bench, store: Filled) -> Figures:
            return _asked(bench, *servers[store.name], store.key, where)

        return [_of(bench, stores, f"{what}, over HTTP", partial(measure, where)) for what, where in QUESTIONS.items()]


def _asked(bench: Bench, server: psutil.Process, port: int, key: str, where: str) -> Figures:
    headers = {"Authorization": f"Bearer {key}"}
    with (
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=300, trust_env=False) as client,
        on_cores(OTHERS),
    ):
        _answer(client, where)
        ours, postgres, began = cpu_of(server), postgres_cpu(), time.perf_counter()
        took = [_answer(client, where) for _ in range(bench.many(ASKED_PER_SECOND))]
        wall = time.perf_counter() - began
        ours, postgres = cpu_of(server) - ours, postgres_cpu() - postgres
    figures = per_event(len(took), wall, ours, postgres)
    return figures | {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99)}


def _answer(client: httpx2.Client, where: str) -> float:
    """How long it took."""
    began = time.perf_counter()
    answer = client.get(where)
    if not answer.is_success:
        raise Failed(f"{where} answered {answer.status_code}: {answer.text[:200]}")
    return time.perf_counter() - began
