"""The stream of events: how late its listeners hear, and what they cost the process that serves them.

`python -m benchmarks.stream [--listeners N] [--rate R] [--seconds S]`. Every listener hears every event; how late
is measured at one of twenty, from just before the event is appended, and so with what the processor does to it. Then
all listeners come back at once with the id of the first event, and read from the database what they have missed.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import psutil
import uvicorn
import uvloop

from benchmarks.measuring import a_database, a_postgres, cpu_of, machine, postgres_cpu, until_open
from benchmarks.processing import a_processor, readers
from benchmarks.stories import webhooks
from tracker.api.application import Parts, application
from tracker.api.events import shown
from tracker.store import keys
from tracker.store.database import Database
from tracker.store.log.event_log import append
from tracker.store.wakeups import Wakeups
from tracker.stream.broadcast import Broadcast, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PORT = 18090
SAMPLED = 20
FILES = 16_384
POSITION = re.compile(rb'"position":(\d+)')
EVENT = re.compile(rb"id: (\S+)\ndata: ")


def now() -> datetime:
    return datetime.now(UTC)


async def serve(dsn: str, listeners: int) -> None:
    async with Database.open(dsn) as database, Wakeups(dsn).listening() as wakeups:
        broadcast = Broadcast(database, readers(), shown, Limits(listeners=2 * listeners))
        reading = asyncio.create_task(broadcast.run(wakeups))
        app = application(Parts(database=database, clock=now, receiver=None, broadcast=broadcast))
        await uvicorn.Server(uvicorn.Config(app, port=PORT, lifespan="off", log_level="error")).serve()
        reading.cancel()


@contextmanager
def a_server(dsn: str, listeners: int) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "benchmarks.stream", "--serve", dsn, "--listeners", str(listeners)]
    with subprocess.Popen(command) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


class Listener(asyncio.Protocol):
    """Counts the events; a sampled one also tells when each came."""

    def __init__(self, hall: Hall, number: int, key: str, last: str) -> None:
        self._hall, self._is_sampled = hall, number % SAMPLED == 0
        again = f"last-event-id: {last}\r\n" if last else ""
        self._ask = (
            f"GET /api/v1/events/stream HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n{again}\r\n"
        )
        self._rest, self._has_begun = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._ask.encode())

    def data_received(self, data: bytes) -> None:
        if not self._has_begun and b"\nid: " in data:
            self._has_begun, self._hall.began = True, self._hall.began + 1
        whole, end, self._rest = (self._rest + data).rpartition(b"\n\n")
        self._hall.heard += whole.count(b"\ndata: ")
        self._hall.ended_at = time.perf_counter()
        if self._is_sampled and end:
            self._hall.sample(whole)

    def hang_up(self) -> None:
        self._transport.abort()


class Hall:
    """All who listen."""

    def __init__(self) -> None:
        self.began = self.heard = 0
        self.ended_at = 0.0
        self.first = ""
        self.sent: dict[int, float] = {}
        self.late: list[float] = []
        self._listeners: list[Listener] = []

    def sample(self, data: bytes) -> None:
        came = time.perf_counter()
        self.late += [came - self.sent[n] for n in map(int, POSITION.findall(data)) if n in self.sent]
        if not self.first and (found := EVENT.search(data)):
            self.first = found[1].decode()

    async def fill(self, count: int, key: str, last: str = "") -> None:
        self.began = self.heard = 0
        loop = asyncio.get_running_loop()
        for start in range(0, count, 50):
            opened = [
                loop.create_connection(lambda n=n: Listener(self, n, key, last), "127.0.0.1", PORT)  # type: ignore[misc]
                for n in range(start, min(start + 50, count))
            ]
            self._listeners += [listener for _, listener in await asyncio.gather(*opened)]
        await self.until(lambda: self.began >= count)

    def empty(self) -> None:
        for listener in self._listeners:
            listener.hang_up()
        self._listeners.clear()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(120):
            while not done():
                await asyncio.sleep(0.02)


async def tell(database: Database, hall: Hall, rate: int, seconds: float) -> None:
    """So many events a second, each in a transaction of its own."""
    count = round(rate * seconds)
    began = time.perf_counter()
    async with database.connection() as conn:
        for number, event in enumerate(webhooks(count)):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            sent = time.perf_counter()
            (receipt,) = await append(conn, [event])
            hall.sent[receipt.position] = sent


async def measure(dsn: str, listeners: int, rate: int, seconds: float) -> None:
    hall = Hall()
    async with a_database(dsn) as database, Wakeups(dsn).listening() as wakeups:
        projecting = asyncio.create_task((await a_processor(database)).run(wakeups))
        async with database.connection() as conn:
            _, key = await keys.create(conn, "benchmark", ["read"], now())
        with a_server(dsn, listeners) as server:
            await until_open(PORT)
            await hall.fill(1, key)
            alone = server.memory_info().rss
            hall.empty()
            await hall.fill(listeners, key)
            cpu, postgres, began = cpu_of(server), postgres_cpu(), time.perf_counter()
            await tell(database, hall, rate, seconds)
            wanted = round(rate * seconds) * listeners
            await hall.until(lambda: hall.heard >= wanted)
            wall = time.perf_counter() - began
            cpu, postgres = cpu_of(server) - cpu, postgres_cpu() - postgres
            full = server.memory_info().rss
            _report(hall, listeners, rate, (full, alone), (cpu / wall, postgres / wall))
            await _all_come_back(hall, listeners, key, round(rate * seconds) - 1)
        projecting.cancel()


async def _all_come_back(hall: Hall, listeners: int, key: str, missed: int) -> None:
    hall.empty()
    hall.sent.clear()
    began = time.perf_counter()
    await hall.fill(listeners, key, hall.first)
    await hall.until(lambda: hall.heard >= missed * listeners)
    assert hall.heard == missed * listeners, hall.heard
    print(f"all {listeners:,} come back at once, {missed:,} events each   {hall.ended_at - began:.1f} s")


def _report(hall: Hall, listeners: int, rate: int, memory: tuple[int, int], cpu: tuple[float, float]) -> None:
    late = sorted(hall.late)
    p50, p99 = (late[int(len(late) * part)] * 1000 for part in (0.5, 0.99))
    full, alone = memory
    print(f"{machine()}; {listeners:,} listeners, {rate} events a second, one server process")
    print(f"late       p50 {p50:.0f} ms   p99 {p99:.0f} ms   at most {late[-1] * 1000:.0f} ms")
    print(f"memory     {full / 2**20:,.0f} MiB, with one listener {alone / 2**20:,.0f} MiB;", end=" ")
    print(f"{(full - alone) / listeners / 1024:,.0f} KiB for each")
    print(f"CPU        {100 * cpu[0]:.0f} % of a core ours, {100 * cpu[1]:.0f} % Postgres")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--serve", default="")
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most) if most > 0 else FILES, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if args.serve:
            runner.run(serve(args.serve, args.listeners))
            return
        with a_postgres() as dsn:
            runner.run(measure(dsn, args.listeners, args.rate, args.seconds))


if __name__ == "__main__":
    main()
