"""Faults of clocks, disks and machines."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.acceptance.chaos.fault import Missed
from tests.acceptance.chaos.loads import Message, event, signed
from tests.acceptance.chaos.recovery import back

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.acceptance.chaos.plan import Step
    from tests.acceptance.chaos.scenes import Scene

MEBIBYTE = 2**20
PADDING = os.urandom(24_000).hex()
FULL = 60.0
PUT_WRONG = (timedelta(seconds=30), timedelta(hours=1), timedelta(days=1))
OCCASIONS = (
    datetime(2026, 10, 25, 0, 59, 57, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 29, 57, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 59, 57, tzinfo=UTC),
)
"""Just before two o'clock comes again in Berlin, before half past two does, and before three at last."""
AN_OCCASION = 5.0
LIMIT = 60.0


@asynccontextmanager
async def clock_ahead(scene: Scene, step: Step) -> AsyncIterator[None]:
    """The wall clock is ahead for a while."""
    scene.shift(PUT_WRONG[step.seed % 3])
    yield
    scene.shift(timedelta(0))


@asynccontextmanager
async def clock_behind(scene: Scene, step: Step) -> AsyncIterator[None]:
    """The wall clock is behind for a while."""
    scene.shift(-PUT_WRONG[step.seed % 3])
    yield
    scene.shift(timedelta(0))


@asynccontextmanager
async def autumn_night(scene: Scene, step: Step) -> AsyncIterator[None]:
    """The hour that comes twice in Berlin, with jobs of the scheduler in it, and a start in the middle of it."""
    for moment in OCCASIONS:
        scene.shift(moment - datetime.now(UTC))
        await asyncio.sleep(AN_OCCASION)
        await back(scene, LIMIT)
    scene.service.kill()
    scene.shift(OCCASIONS[1] + timedelta(minutes=10) - datetime.now(UTC))
    scene.service.start()
    yield


@asynccontextmanager
async def failover(scene: Scene, step: Step) -> AsyncIterator[None]:
    """The primary is gone, and a standby that had to have everything leads."""
    assert scene.pair is not None
    if not scene.pair.whole:
        await scene.pair.rebuild()
    await scene.pair.fail_over()
    scene.hang_up()
    yield


@asynccontextmanager
async def disk_full(scene: Scene, step: Step) -> AsyncIterator[None]:
    """There is no room for what is told, and then there is."""
    ballast = scene.service.data / "ballast"
    try:
        await asyncio.to_thread(_fill, ballast)
        await _until_refused(scene, step)
        yield
    finally:
        ballast.unlink(missing_ok=True)


def _fill(ballast: os.PathLike[str]) -> None:
    with suppress(OSError), open(ballast, "wb", buffering=0) as file:  # noqa: PTH123  (without a buffer)
        while True:
            file.write(bytes(MEBIBYTE))


async def _until_refused(scene: Scene, step: Step) -> None:
    end = time.monotonic() + FULL
    number = 0
    while time.monotonic() < end:
        number += 1
        post = f"large-{step.number}-{number}"
        message = Message(post, event("post.scheduled", post, scene.now(), padding=f"{number}{PADDING}"))
        scene.book.sent[message.body].add(message.delivery)
        status = await scene.door().post("/webhooks/sosyalkopru", signed(message), message.body, 30)
        if status == 200:
            scene.book.acknowledge(message.body)
        if status == 503:
            return
    raise Missed("the disk was never full")
