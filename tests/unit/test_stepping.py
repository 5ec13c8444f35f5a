"""The agents' loop: at once while there is more, else when woken or in time, and on when the database is back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tracker.errors import Unavailable
from tracker.store.wakeups import keep_stepping

pytestmark = pytest.mark.anyio

NEVER = 3600.0


class Agent:
    """Does one thing after another: waits for so long, or fails; `is_through` when nothing is left."""

    def __init__(self, *turns: float | Exception) -> None:
        self.turns, self.is_through, self.woken = list(turns), asyncio.Event(), asyncio.Event()

    async def step(self) -> float:
        turn = self.turns.pop(0)
        if not self.turns:
            self.is_through.set()
        if isinstance(turn, Exception):
            raise turn
        return turn

    async def until_through(self, poll: float = NEVER) -> None:
        running = asyncio.create_task(keep_stepping("diver", self.woken, self.step, timedelta(seconds=poll)))
        async with asyncio.timeout(30):
            await asyncio.wait(
                [running, asyncio.ensure_future(self.is_through.wait())], return_when=asyncio.FIRST_COMPLETED
            )
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_there_is_no_wait_while_there_is_more_to_do() -> None:
    await Agent(0, 0, 0, NEVER).until_through()


async def test_it_looks_again_when_it_said_or_when_it_is_woken() -> None:
    agent = Agent(0.01, NEVER, NEVER)
    asyncio.get_running_loop().call_later(0.05, agent.woken.set)
    await agent.until_through()


async def test_what_is_away_is_looked_for_again_and_said_by_the_agents_name() -> None:
    with capture_logs() as lines:
        await Agent(Unavailable("gone"), Unavailable("gone"), NEVER).until_through(poll=0.01)
    assert lines == [{"event": "agent.waiting", "log_level": "warning", "agent": "diver", "error": "gone"}] * 2


async def test_a_fault_ends_it_for_whoever_supervises_it() -> None:
    with pytest.raises(RuntimeError):
        await Agent(0, RuntimeError("no"), NEVER).until_through()
