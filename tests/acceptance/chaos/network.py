"""Faults of the network between the service and Postgres."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.acceptance.chaos.plan import Step
    from tests.acceptance.chaos.proxy import Proxy
    from tests.acceptance.chaos.scenes import Scene


def network(scene: Scene) -> Proxy:
    """What lies between."""
    assert scene.proxy is not None
    return scene.proxy


@asynccontextmanager
async def cut(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Every connection is reset."""
    network(scene).cut()
    yield


@asynccontextmanager
async def half_open(scene: Scene, step: Step) -> AsyncIterator[None]:
    """What is open swallows everything, for ever, and nobody is told; new connections are well."""
    network(scene).forget()
    yield


@asynccontextmanager
async def swallow(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Everything is swallowed for a while, new connections too; those that were open then never come back."""
    network(scene).swallows = True
    network(scene).forget()
    yield
    network(scene).swallows = False


@asynccontextmanager
async def slow(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Each packet takes its time."""
    network(scene).delay = 0.02 + (step.seed % 10) / 100
    yield
    network(scene).delay = 0.0


@asynccontextmanager
async def answers_lost(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Postgres does what it is asked, commits included, and the connection is reset before its answer."""
    network(scene).loses_answers = True
    yield
    network(scene).loses_answers = False


@asynccontextmanager
async def refuse(scene: Scene, step: Step) -> AsyncIterator[None]:
    """Nobody listens, and what was open is gone."""
    network(scene).refuse()
    network(scene).cut()
    yield
    await network(scene).accept()
