"""Carries out a plan: the acts side by side in a few lanes, the faults of each one after another."""

from __future__ import annotations

import asyncio
import resource
import shutil
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.chaos.fault import Missed
from tests.acceptance.chaos.faults import FAULTS
from tests.acceptance.chaos.invariants import after_each, at_the_end
from tests.acceptance.chaos.recovery import Back, back
from tests.acceptance.chaos.report import Outcome, Report
from tests.acceptance.chaos.scenes import Scene, a_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.acceptance.chaos.plan import Act, Step

HUNG = 240.0
"""Longer than any fault and everything that we wait for after it."""
TO_THE_END = 90.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How soon it must be back, how many acts go on at once, when no new fault begins, and who is told of each."""

    back: float = 10.0
    lanes: int = 2
    until: float = float("inf")
    tell: Callable[[str], None] = print


async def run(seed: int, acts: Sequence[Act], folder: Path, limits: Limits) -> Report:
    """All of them; what is broken is in the report, and does not end the run."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report, waiting = Report(seed), deque(acts)

    async def lane() -> None:
        while waiting and time.monotonic() < limits.until:
            await _act(seed, waiting.popleft(), folder, limits, report)

    await asyncio.gather(*(lane() for _ in range(limits.lanes)))
    report.ended()
    return report


async def _act(seed: int, act: Act, folder: Path, limits: Limits, report: Report) -> None:
    name = f"act {act.number} ({act.scene})"
    place = folder / f"{act.number}-{act.scene}"
    mine = Report(seed)
    try:
        async with a_scene(act.scene, place, seed + act.number) as scene:
            scene.begin(seed + act.number)
            for step in act.steps:
                if time.monotonic() > limits.until:
                    break
                await _step(scene, step, limits, mine)
            await scene.end(TO_THE_END)
            mine.broke(name, await at_the_end(scene, TO_THE_END))
            mine.count(scene)
    except pytest.skip.Exception as reason:
        mine.left_out.append(f"{name}: {reason}")
    except Exception as error:
        mine.broke(name, [f"{type(error).__name__}: {error}"])
    if mine.well:
        shutil.rmtree(place, ignore_errors=True)
    report.take(mine)
    limits.tell(f"{name}: over, {len(mine.broken)} broken")


async def _step(scene: Scene, step: Step, limits: Limits, report: Report) -> None:
    await asyncio.sleep(step.pause)
    began = time.monotonic()
    outcome = Outcome(step)
    try:
        async with asyncio.timeout(HUNG):
            outcome.back = await _hurt(scene, outcome, limits.back)
            if not step.hurried:
                outcome.broken += await after_each(scene)
    except Missed as reason:
        outcome.missed = str(reason)
    except Exception as error:
        outcome.broken.append(f"{type(error).__name__}: {error}")
    outcome.seconds = time.monotonic() - began
    report.add(outcome)
    limits.tell(outcome.line())
    if outcome.broken:
        await scene.mend()


async def _hurt(scene: Scene, outcome: Outcome, limit: float) -> Back | None:
    """Do it, and see how soon the service is back: while it lasts too, where it must go on."""
    step, trouble = outcome.step, None
    async with FAULTS[step.kind.name](scene, step):
        began = time.monotonic()
        if step.kind.through:
            try:
                outcome.through = await back(scene, limit)
            except Exception as error:
                trouble = error
        await asyncio.sleep(max(step.hold - (time.monotonic() - began), 0))
    if trouble:
        raise trouble
    return None if step.hurried else await back(scene, limit)
