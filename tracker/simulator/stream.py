"""Posts without end, for a demo: as many platforms, accounts and schedules as the seed says."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tracker.simulator.chance import Chance
from tracker.simulator.clock import after

if TYPE_CHECKING:
    from tracker.simulator.clock import Clock
    from tracker.simulator.posts import Posts

PLATFORMS = ("instagram", "facebook", "linkedin", "x", "tiktok", "youtube")
SOONEST, LATEST = timedelta(seconds=5), timedelta(minutes=2)


class Stream:
    """Creates posts at an even pace, from `start` to `stop`."""

    def __init__(self, seed: str, clock: Clock, posts: Posts) -> None:
        self._chance, self._clock, self._posts = Chance(seed).about("stream"), clock, posts
        self._made = 0
        self._run = object()

    def start(self, pause: timedelta, posts: int | None) -> None:
        """A new post each `pause`, `posts` in all (None: for ever)."""
        self._run = object()
        self._clock.at(self._clock.now(), partial(self._flow, self._run, pause, posts))

    def stop(self) -> None:
        """No more new posts."""
        self._run = object()

    async def _flow(self, run: object, pause: timedelta, left: int | None) -> None:
        if run is not self._run or left == 0:
            return
        self._made += 1
        self._invent(self._chance.about(self._made))
        self._clock.at(self._clock.now() + pause, partial(self._flow, run, pause, None if left is None else left - 1))

    def _invent(self, chance: Chance) -> None:
        platforms = [platform for platform in PLATFORMS if chance.happens(platform, 0.4)] or [PLATFORMS[0]]
        if chance.happens("second account", 0.1):
            platforms.append(platforms[0])
        wait = chance.span("wait", SOONEST, LATEST)
        self._posts.create(tuple(platforms), "", after(self._clock, wait) if chance.happens("scheduled", 0.6) else None)
