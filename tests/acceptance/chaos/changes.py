"""Faults that people make: a rule file with a slip in it, and a second service that comes and goes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.acceptance.chaos.configured import HurtService, a_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.acceptance.chaos.plan import Step
    from tests.acceptance.chaos.scenes import Scene


@asynccontextmanager
async def broken_rules(scene: Scene, step: Step) -> AsyncIterator[None]:
    """A rule file that cannot be read: everything goes on by the last good rules."""
    scene.service.break_rules()
    yield
    scene.service.mend_rules()


@asynccontextmanager
async def restart_on_broken_rules(scene: Scene, step: Step) -> AsyncIterator[None]:
    """A service that begins with a rule file that cannot be read takes, projects and acts by the last good rules."""
    scene.service.break_rules()
    scene.service.kill()
    scene.service.start()
    try:
        yield
    finally:
        scene.service.mend_rules()
        if scene.service.process is None or scene.service.process.poll() is not None:
            scene.service.start()


@asynccontextmanager
async def second_service_killed(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Another process takes half of the work, and is killed."""
    second = await _second(scene)
    try:
        yield
    finally:
        second.kill()


@asynccontextmanager
async def second_service_leaves(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Another process takes half of the work, and gives it back."""
    second = await _second(scene)
    try:
        yield
        code = await asyncio.to_thread(second.stop)
        assert code == 0, f"ended with {code}\n{second.log_end()}"
    finally:
        second.kill()


async def _second(scene: Scene) -> HurtService:
    second = a_service(
        scene.folder / "second", scene.service.dsn, scene.service.data, scene.simulator.url, scene.sink.url
    )
    second.start()
    try:
        await second.ready()
    except BaseException:
        second.kill()
        raise
    return second
