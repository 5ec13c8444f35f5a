"""What every benchmark needs: an embedded Postgres of its own, CPU per side, and the facts of the machine."""

from __future__ import annotations

import asyncio
import platform
import resource
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store.database import Database
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

IS_LINUX = platform.system() == "Linux"


@dataclass
class Spent:
    """Wall seconds, and CPU seconds of this process and of Postgres."""

    wall: float = 0.0
    ours: float = 0.0
    postgres: float = 0.0

    def per(self, count: int) -> str:
        """A line for a table: rate, and microseconds of CPU for each of `count`."""
        return (
            f"{count / self.wall:>10,.0f}/s   {self.ours / count * 1e6:6.1f} µs ours"
            f"   {self.postgres / count * 1e6:6.1f} µs Postgres"
        )


@contextmanager
def a_postgres() -> Iterator[str]:
    """The DSN of a fresh embedded Postgres with its product settings, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tracker-bench-") as folder, EmbeddedPostgres(Path(folder)) as server:
        yield server.dsn


@asynccontextmanager
async def a_database(dsn: str, size: int = 10) -> AsyncIterator[Database]:
    """A migrated database."""
    await upgrade(dsn)
    async with Database.open(dsn, size=size) as database:
        yield database


@contextmanager
def spending() -> Iterator[Spent]:
    """Measures the block."""
    spent = Spent()
    wall, ours, postgres = time.perf_counter(), time.process_time(), postgres_cpu()
    yield spent
    spent.wall, spent.ours = time.perf_counter() - wall, time.process_time() - ours
    spent.postgres = postgres_cpu() - postgres


async def until_open(port: int) -> None:
    """Until somebody listens on that port of the loopback, for half a minute at most."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds that the process has used, all its threads together."""
    if IS_LINUX:
        return time.clock_gettime(~process.pid << 3 | 2)  # CLOCK_PROCESS_CPUTIME_ID of that process, in nanoseconds
    times = process.cpu_times()
    return float(times.user + times.system)


def children_cpu() -> float:
    """CPU seconds of this process's children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def postgres_cpu() -> float:
    """CPU seconds of the Postgres below this process, ended backends included through their parent."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if not process.name().startswith("postgres"):
                continue
            times = process.cpu_times()
            total += cpu_of(process) + times.children_user + times.children_system
        except (psutil.Error, OSError):
            continue
    return total


def machine() -> str:
    """What it ran on."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.machine()}, {psutil.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
