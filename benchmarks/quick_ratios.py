"""The ratios of the quick form: each is what the other takes of CPU for an event, in ours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from benchmarks import actions, door, log, processor, rules
from benchmarks.baseline import Measured
from benchmarks.comparing import Figures, Spread, cost
from benchmarks.load import Load, requests
from benchmarks.placing import OTHERS, on_cores
from benchmarks.programs import a_worker
from tracker.domain.rules.decide import decide
from tracker.rulebook import load_text

if TYPE_CHECKING:
    import psutil

    from benchmarks.bench import Bench
    from tracker.domain.posts.change import Change

    Server = tuple[psutil.Process, int]
    Round = dict[str, Figures]
    Command = Callable[[str], list[str]]

CONNECTIONS = 32
RULES, CHANGES = 300, 2000

DOOR, KEEPING, GROUPED = "door", "keeping", "shared commits"
APPEND, PROCESSOR, WORKER, MATCHING = "append", "processor", "worker", "matching rules"

SERVERS: Mapping[str, tuple[door.Opened, float]] = {
    "tracker": (door.ours(), 1.0),
    "bare": (door.bare("verifying"), 0.5),
    "forgetful": (door.ours("forgetful"), 1.0),
    "one by one": (door.ours("one_by_one"), 0.5),
}
"""How each is opened, and for which part of a round's time it is measured."""


def at_the_door(bench: Bench) -> dict[str, Measured]:
    """All servers run at once; only one is asked at a time, in turn."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(opened(stack.enter_context(bench.store.fresh())))
            for name, (opened, _) in SERVERS.items()
        }
        rounds = [_round(bench, servers, number) for number in range(bench.runs + 1)]
    return {
        DOOR: _measured("a bare server that only verifies ÷ tracker serve, without Postgres", rounds[1:], "bare", own),
        KEEPING: _measured("tracker serve keeping nothing ÷ keeping", rounds[1:], "forgetful", cost),
        GROUPED: _measured("tracker serve with a commit for each ÷ as it is", rounds[1:], "one by one", cost),
    }


def _round(bench: Bench, servers: Mapping[str, Server], number: int) -> Round:
    """What each takes; the first round is there to warm up."""
    took = {}
    for place, (name, (server, port)) in enumerate(servers.items()):
        seconds = bench.seconds * SERVERS[name][1]
        load = Load(port, CONNECTIONS, (number * len(servers) + place + 1) * 10**8, seconds * door.EXPECTED)
        with on_cores(OTHERS):
            took[name] = door.rush(load, server, seconds)
    return took


def own(figures: Figures) -> float:
    """Microseconds of CPU for each, of the server alone."""
    return figures["ours"]


def _measured(what: str, rounds: list[Round], other: str, value: Callable[[Figures], float]) -> Measured:
    return Measured(what, ratio([value(took[other]) for took in rounds], [value(took["tracker"]) for took in rounds]))


def ratio(others: Sequence[float], ours: Sequence[float]) -> Spread:
    """Of what both take when little disturbs them; that of each round is what it lies between.

    Whatever else the machine does can only add to what something takes, so the lower quarter says more than the middle.
    """
    rounds = [other / own for other, own in zip(others, ours, strict=True)]
    return Spread(_undisturbed(others) / _undisturbed(ours), min(rounds), max(rounds))


def _undisturbed(costs: Sequence[float]) -> float:
    return sorted(costs)[len(costs) // 4]


def appending(bench: Bench) -> dict[str, Measured]:
    """In pages, beside plain rows."""
    what = "a pipeline of plain INSERTs, 500 a commit ÷ tracker's append, 500 a commit"
    count = bench.many(8000)
    ours, other = (
        partial(log.command, how=how, count=count, per_commit=log.PAGE) for how in ("append", "insert_pages")
    )
    return {APPEND: _in_turn(bench, what, ours, other)}


def processing(bench: Bench) -> dict[str, Measured]:
    """Our fold, beside plain SQL."""
    what = "plain SQL in pages, which knows only the last status ÷ the processor"
    many = partial(processor.command, events=bench.many(1500))
    return {PROCESSOR: _in_turn(bench, what, partial(many, how="live"), partial(many, how="plain"))}


def performing(bench: Bench) -> dict[str, Measured]:
    """With leases and facts, beside a queue without."""
    what = "a plain queue with a transaction for each job and its attempt ÷ the worker"
    many = partial(actions.command, count=bench.many(300))
    return {WORKER: _in_turn(bench, what, partial(many, how="worker"), partial(many, how="queue"))}


def _in_turn(bench: Bench, what: str, ours: Command, other: Command) -> Measured:
    """Two programs that are both there; one works at a time. The first round warms up."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(a_worker(command(stack.enter_context(bench.store.fresh()))))
            for command in (other, ours)
        ]
        rounds = [[cost(worker.measure()) for worker in workers] for _ in range(bench.runs + 1)]
    return Measured(what, ratio(*zip(*rounds[1:], strict=True)))


def matching(bench: Bench) -> dict[str, Measured]:
    """Twenty candidates of many rules, beside taking a webhook's JSON apart."""
    index = load_text("\n".join(map(rules.rule, range(RULES)))).index
    changes = rules.failures(CHANGES)
    body = next(requests(8000)).partition(b"\r\n\r\n")[2]
    rounds = [
        (_seconds(lambda _: json.loads(body), changes), _seconds(lambda change: decide(index, change), changes))
        for _ in range(bench.runs)
    ]
    what = "taking a webhook's JSON apart ÷ matching 20 candidates"
    return {MATCHING: Measured(what, ratio(*zip(*rounds, strict=True)))}


def _seconds(work: Callable[[Change], object], items: list[Change]) -> float:
    began = time.process_time()
    for item in items:
        work(item)
    return time.process_time() - began


Groups: TypeAlias = Mapping[str, tuple[Callable[["Bench"], dict[str, Measured]], frozenset[str]]]

GROUPS: Groups = {
    "door": (at_the_door, frozenset({DOOR, KEEPING, GROUPED})),
    "log": (appending, frozenset({APPEND})),
    "processor": (processing, frozenset({PROCESSOR})),
    "actions": (performing, frozenset({WORKER})),
    "rules": (matching, frozenset({MATCHING})),
}
"""By part: how its ratios are measured, and what they are called."""
