"""`./run python -m tests.acceptance.beside_floods [KIND …]`: how long deliveries take beside each flood ÷ without.

In each round the same number of deliveries comes alone and then beside the flood, one after another, each over a
connection of its own. What sends them goes before the flood where both want the processor: a stranger has one of his
own. Beside the times stands what the service used of one processor, alone and beside the flood.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import psutil

from tests.acceptance.floods import KINDS
from tests.acceptance.service import Service, free_port
from tests.contract.raw import said, statuses
from tests.contract.test_door import body, signed
from tracker.embedded.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "whsec_of_the_test"
BEGUN = 1.0
"""Seconds that a flood has to begin in; what is asserted does not rest on it."""
GIVES_WAY = 10
"""How much nicer the flood's process is than the others."""


class Beside(NamedTuple):
    """Milliseconds of the deliveries' middle and slowest hundredth, and the service's share of one processor."""

    p50: float
    p99: float
    cpu: float


async def delivered(port: int, name: str, times: int) -> list[float]:
    """How long each delivery took, one after the other, each over a connection of its own; all must be taken."""
    took = []
    for number in range(times):
        content = body(post=f"{name}-{number}")
        lines = "".join(f"{key}: {value}\r\n" for key, value in signed(content, f"{name}-{number}", SECRET).items())
        head = f"POST /webhooks/sosyalkopru HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n{lines}"
        begun = time.monotonic()
        heard = await said(port, f"{head}Connection: close\r\n\r\n".encode() + content)
        took.append(time.monotonic() - begun)
        assert statuses(heard) == [200], (name, number, heard)
    return took


@contextmanager
def flooded(kind: str, port: int, address: str = "127.0.0.1") -> Iterator[None]:
    """That flood, from a process of its own, which connects from that address of this machine."""
    flood = subprocess.Popen([sys.executable, "-m", "tests.acceptance.floods", kind, str(port), address])
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, flood.pid, os.getpriority(os.PRIO_PROCESS, 0) + GIVES_WAY)
    try:
        yield
    finally:
        flood.kill()
        flood.wait()


def p99(took: list[float]) -> float:
    """Milliseconds within which 99 of 100 were over."""
    return 1000 * sorted(took)[int(len(took) * 0.99)]


async def measured(service: Service, name: str, times: int) -> Beside:
    """So many deliveries, and what the service used meanwhile."""
    assert service.process is not None
    process = psutil.Process(service.process.pid)
    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    took = await delivered(service.port, name, times)
    share = (sum(process.cpu_times()[:2]) - used) / (time.monotonic() - began)
    return Beside(1000 * median(took), p99(took), share)


async def compared(service: Service, kind: str, address: str, rounds: int, times: int) -> str:
    """A line about one flood: the middle of all rounds."""
    alone, beside = [], []
    for number in range(rounds):
        name = f"{kind.replace(' ', '-')}-{number}"
        alone.append(await measured(service, f"{name}-alone", times))
        with flooded(kind, service.port, address):
            await asyncio.sleep(BEGUN)
            beside.append(await measured(service, name, times))
    without, within = (Beside(*map(median, zip(*each, strict=True))) for each in (alone, beside))
    ratios = sorted(b.p99 / a.p99 for a, b in zip(alone, beside, strict=True))
    return (
        f"{kind:18} p50 {without.p50:5.1f} → {within.p50:5.1f} ms   p99 {without.p99:5.1f} → {within.p99:5.1f} ms"
        f"   p99 ÷ {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        f"   cpu {without.cpu:.2f} → {within.cpu:.2f}"
    )


async def compare(service: Service, kinds: list[str], address: str, rounds: int, times: int) -> None:
    """All of them, each told as it is known."""
    await service.ready()
    await delivered(service.port, "first", times)
    for kind in kinds:
        sys.stdout.write(f"{await compared(service, kind, address, rounds, times)}\n")
        sys.stdout.flush()


def main() -> None:
    """A Postgres and a service of its own, on this machine."""
    options = argparse.ArgumentParser(prog="python -m tests.acceptance.beside_floods", description=__doc__)
    options.add_argument("kinds", nargs="*", default=[*KINDS], metavar="KIND", help=", ".join(KINDS))
    options.add_argument("--address", default="127.0.0.2", help="where floods come from; deliveries: 127.0.0.1")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--deliveries", type=int, default=300)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name, EmbeddedPostgres(Path(name) / "postgres") as server:
        service = Service(
            Path(name) / "service", free_port(), dsn=server.dsn, lease="2s", provider="http://127.0.0.1:9",
            secret=SECRET, sink="http://127.0.0.1:9/",
        )  # fmt: skip
        try:
            service.start()
            asyncio.run(compare(service, chosen.kinds, chosen.address, chosen.rounds, chosen.deliveries))
        finally:
            service.kill()


if __name__ == "__main__":
    main()
