"""Faults of processes: the service, its Postgres and the children of that are killed, stopped or asked to end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import psutil

from tests.acceptance.chaos.fault import Missed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.acceptance.chaos.plan import Step
    from tests.acceptance.chaos.scenes import Scene

SOON = 5.0
STOP = 40.0


def postmaster(scene: Scene) -> psutil.Process:
    """The first process of the service's Postgres; raises Missed when none runs."""
    running = scene.embedded._cluster.postmaster()
    if running is None or not psutil.pid_exists(running.pid):
        raise Missed("Postgres does not run")
    return psutil.Process(running.pid)


def children(scene: Scene) -> list[psutil.Process]:
    """The processes of Postgres beneath the first."""
    with suppress(psutil.Error):
        return postmaster(scene).children(recursive=True)
    return []


@asynccontextmanager
async def kill_service(scene: Scene, step: Step) -> AsyncIterator[None]:
    """kill -9, in the middle of whatever it does; its Postgres ends with it."""
    scene.service.kill()
    yield
    scene.service.start()


@asynccontextmanager
async def kill_postmaster(scene: Scene, step: Step) -> AsyncIterator[None]:
    """kill -9 of the first process of Postgres."""
    postmaster(scene).kill()
    yield


@asynccontextmanager
async def kill_child(scene: Scene, step: Step) -> AsyncIterator[None]:
    """kill -9 of a backend, a checkpointer, a writer or whatever else there is: Postgres recovers as a whole."""
    _kill_one(children(scene), step)
    yield


def _kill_one(those: list[psutil.Process], step: Step) -> None:
    if not those:
        raise Missed("Postgres has no children")
    with suppress(psutil.Error):
        random.Random(step.seed).choice(those).kill()


@asynccontextmanager
async def kill_both(scene: Scene, step: Step) -> AsyncIterator[None]:
    """kill -9 of the service and of Postgres, in one order or the other."""
    running = postmaster(scene)
    if step.seed % 2:
        running.kill()
    scene.service.kill()
    with suppress(psutil.Error):
        running.kill()
    yield
    scene.service.start()


@asynccontextmanager
async def kill_recovery(scene: Scene, step: Step) -> AsyncIterator[None]:
    """kill -9 of a child, and then of the process that recovers from it: a postmaster may live on and do nothing."""
    running = postmaster(scene)
    _kill_one([child for child in children(scene) if _title(child) in {"checkpointer", "io worker 0"}], step)
    end = time.monotonic() + SOON
    while not (found := [child for child in children(scene) if _title(child).startswith("startup")]):
        if time.monotonic() > end or not running.is_running():
            raise Missed("the recovery was not seen")
        await asyncio.sleep(0)
    with suppress(psutil.Error):
        found[0].kill()
    yield


def _title(process: psutil.Process) -> str:
    """What Postgres calls it: `checkpointer`, `startup recovering …`."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).partition("postgres: ")[2].strip()
    return ""


@asynccontextmanager
async def hang_postgres(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Every process of Postgres is stopped, for good: somebody has to take it over."""
    for process in (postmaster(scene), *children(scene)):
        with suppress(psutil.Error):
            process.suspend()
    yield


@asynccontextmanager
async def freeze_service(scene: Scene, step: Step) -> AsyncIterator[None]:
    """The service gets no time for a while."""
    os.kill(scene.service.pid, signal.SIGSTOP)
    yield
    with suppress(ProcessLookupError):
        os.kill(scene.service.pid, signal.SIGCONT)


@asynccontextmanager
async def freeze_postgres(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Postgres as a whole, or one of its processes, gets no time for a while."""
    those = [postmaster(scene), *children(scene)]
    if step.seed % 3 == 0:
        those = [random.Random(step.seed).choice(those)]
    for process in those:
        with suppress(psutil.Error):
            process.suspend()
    yield
    for process in those:
        with suppress(psutil.Error):
            process.resume()


@asynccontextmanager
async def restart(scene: Scene, step: Step) -> AsyncIterator[None]:
    """SIGTERM: it ends in good order, and in time; one that is only starting, by the signal."""
    assert scene.service.process is not None
    began = time.monotonic()
    code = await asyncio.to_thread(scene.service.stop)
    good = {0} if scene.service.serving else {0, -signal.SIGTERM}
    assert code in good, f"ended with {code}\n{scene.service.log_end()}"
    assert time.monotonic() - began < STOP
    yield
    scene.service.start()
