"""The door: acknowledged webhooks a second, beside the same server with the append left out, in alternation.

`python -m benchmarks.door [--seconds S] [--runs N] [--connections C]`. Every request is signed, verified and parsed;
an acknowledged one is committed with synchronous_commit on.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil
import uvicorn
import uvloop

from benchmarks.load import SECRET, Load
from benchmarks.measuring import a_database, a_postgres, cpu_of, machine, postgres_cpu, until_open
from tracker.api.application import Parts, application
from tracker.api.express_lane import express_lane
from tracker.providers import build_providers
from tracker.receiver import Receiver
from tracker.settings import Settings
from tracker.store.database import Database
from tracker.store.event_log import Incoming, Receipt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

PORT = 18080


class Forgetful(Receiver):
    """The baseline: verifies and parses like the other, and keeps nothing."""

    def _keep(self, event: Incoming, told: Callable[[Receipt | Exception], None]) -> None:
        told(Receipt(0))


@dataclass
class Figures:
    """One run of one kind of server."""

    rate: float
    ours: float
    postgres: float
    p50: float
    p99: float


async def serve(dsn: str, kind: type[Receiver]) -> None:
    provider = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "webhook_secrets": [SECRET.decode()]}
    doors = build_providers(Settings.model_validate({"providers": {"sosyalkopru": provider}}))
    async with Database.open(dsn) as database, _running(kind(database, doors, lambda: datetime.now(UTC))) as receiver:
        parts = Parts(database=database, clock=lambda: datetime.now(UTC), receiver=receiver, rest=False)
        lane = express_lane(receiver, parts.max_body)
        config = uvicorn.Config(
            application(parts), port=PORT, lifespan="off", log_level="error", access_log=False, http=lane
        )
        await uvicorn.Server(config).serve()


@asynccontextmanager
async def _running(receiver: Receiver) -> AsyncIterator[Receiver]:
    task = asyncio.create_task(receiver.run())
    yield receiver
    task.cancel()


@contextmanager
def a_server(dsn: str, kind: str) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "benchmarks.door", "--serve", kind, "--dsn", dsn]
    with subprocess.Popen(command) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def measure(dsn: str, kind: str, seconds: float, connections: int, start: int) -> Figures:
    with a_server(dsn, kind) as server:
        asyncio.run(until_open(PORT))
        asyncio.run(Load(PORT, connections, start).run(1))
        ours, postgres, began = cpu_of(server), postgres_cpu(), time.perf_counter()
        load = Load(PORT, connections, start + 10**8)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(load.run(seconds))
        wall = time.perf_counter() - began
        ours, postgres = cpu_of(server) - ours, postgres_cpu() - postgres
    answers = load.statuses["200"]
    assert set(load.statuses) == {"200"}, load.statuses
    return Figures(
        answers / wall, ours / answers * 1e6, postgres / answers * 1e6, load.percentile(0.5), load.percentile(0.99)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--serve", choices=["kept", "forgotten"])
    parser.add_argument("--dsn", default="")
    args = parser.parse_args()
    if args.serve:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(args.dsn, Receiver if args.serve == "kept" else Forgetful))
        return
    with a_postgres() as dsn:
        asyncio.run(_migrate(dsn))
        figures: dict[str, list[Figures]] = {"kept": [], "forgotten": []}
        for run in range(args.runs):
            for place, (kind, done) in enumerate(figures.items()):
                done.append(measure(dsn, kind, args.seconds, args.connections, (2 * run + place + 1) * 10**9))
    _report(figures, args.connections)


async def _migrate(dsn: str) -> None:
    async with a_database(dsn):
        pass


def _report(figures: dict[str, list[Figures]], connections: int) -> None:
    print(f"{machine()}; {connections} connections, one server process; medians of {len(figures['kept'])} runs")
    print("                     requests/s   µs ours   µs Postgres   p50 ms   p99 ms")
    for kind, runs in figures.items():
        middle = [
            statistics.median(getattr(run, name) for run in runs) for name in ("rate", "ours", "postgres", "p50", "p99")
        ]
        print(f"{kind:20} {middle[0]:10,.0f} {middle[1]:9.1f} {middle[2]:13.1f} {middle[3]:8.2f} {middle[4]:8.2f}")
    ratios = [kept.rate / bare.rate for kept, bare in zip(figures["kept"], figures["forgotten"], strict=True)]
    print(f"kept ÷ forgotten: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
