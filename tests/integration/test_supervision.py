"""Agents that fail are begun again, and those that keep failing are known by name until they run."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.waiting import until
from tracker.errors import Unavailable
from tracker.runtime.supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def supervised(**agents: Callable[[], object]) -> AsyncIterator[Supervision]:
    """Agents, each of which does that once each time that it is begun, and then rests."""
    supervision = Supervision(lambda: datetime.now(UTC))

    def resting(begin: Callable[[], object]) -> Callable[[], Awaitable[None]]:
        async def agent() -> None:
            begin()
            await asyncio.Event().wait()

        return agent

    for name, begin in agents.items():
        supervision.start(name, resting(begin))
    try:
        yield supervision
    finally:
        await supervision.stop()


def broken() -> None:
    raise ValueError("no such thing")


def away() -> None:
    raise Unavailable("nobody answers")


async def test_whoever_keeps_failing_is_known_by_name_with_its_error() -> None:
    async with supervised(fine=lambda: None, scheduler=broken, waiting=away) as supervision:
        await until(lambda: set(supervision.failing()) == {"scheduler", "waiting"})
        failing = supervision.failing()
    assert failing["scheduler"].error == "ValueError: no such thing"
    assert failing["waiting"].error == "nobody answers"
    assert failing["scheduler"].failures >= 3


async def test_whoever_runs_again_is_well_again() -> None:
    times = [0]

    def mended_in_the_end() -> None:
        times[0] += 1
        if times[0] <= 3:
            raise ValueError("not yet")

    async with supervised(agent=mended_in_the_end) as supervision:
        await until(lambda: "agent" in supervision.failing())
        await until(lambda: not supervision.failing())
    assert times == [4]


async def test_one_may_be_kept_until_the_others_have_ended() -> None:
    ended: list[str] = []
    supervision = Supervision(lambda: datetime.now(UTC))

    def named(name: str) -> None:
        async def agent() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        supervision.start(name, agent)

    named("kept")
    named("first")
    await asyncio.sleep(0)
    await supervision.stop(but="kept")
    assert ended == ["first"]
    await supervision.stop()
    assert ended == ["first", "kept"]
