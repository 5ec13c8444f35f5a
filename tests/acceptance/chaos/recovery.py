"""How long after a fault the door answers, a new fact is projected, and a rule has acted on it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from tests.acceptance.chaos.door import Door
from tests.acceptance.chaos.loads import Message, event, tried
from tests.acceptance.chaos.plan import CLOCK

if TYPE_CHECKING:
    from tests.acceptance.chaos.scenes import Scene

NUMBERS = count(1)
POLL = 0.03
STEPS = {
    "projected": "select exists (select from posts where provider = 'sosyalkopru' and post = $1)",
    "acted": "select exists (select from actions where post = $1 and rule = 'tell' and state = 'done')",
}
OFTEN = "select count(*) from firings where rule = 'often' and outcome = 'fired'"
"""A rule that fires once a second at most, and must go on to do so whatever the clock did."""


class NotBack(AssertionError):
    """It did not come back in time."""


@dataclass(frozen=True, slots=True)
class Back:
    """Seconds from the end of the fault until each was seen."""

    door: float
    projected: float
    acted: float


async def back(scene: Scene, limit: float) -> Back:
    """Send a new post until it is acknowledged, and wait until it is projected and acted on; raises NotBack."""
    began, post = time.monotonic(), f"probe-{scene.kind}-{next(NUMBERS)}"
    message = Message(post, event("post.published", post, scene.now()))
    seen: dict[str, float] = {}
    door = Door(scene.service.port)  # a connection that was open already would hide that new ones are refused

    def passed() -> float:
        process = scene.service.process
        if process is not None and process.poll() is not None:
            raise NotBack(f"the service has ended with {process.poll()}: {scene.service.log_end()[-500:]}")
        return time.monotonic() - began

    try:
        async with asyncio.timeout(limit):
            while not await tried(door, scene.book, message):
                passed()
                await asyncio.sleep(POLL)
            seen["door"] = passed()
            scene.book.told[post] = "post.published"
            fired = (await scene.ask(OFTEN))[0][0] if scene.kind == CLOCK else 0
            for step, query in STEPS.items():
                while not (await scene.ask(query, post))[0][0]:
                    passed()
                    await asyncio.sleep(POLL)
                seen[step] = passed()
            while scene.kind == CLOCK and (await scene.ask(OFTEN))[0][0] == fired:
                passed()
                await asyncio.sleep(POLL)
    except TimeoutError:
        missing = next((step for step in ("door", *STEPS) if step not in seen), "fired anew by a rule with `once`")
        raise NotBack(f"not {missing} within {limit:g} s ({_told(seen)})") from None
    finally:
        door.close()
    return Back(**seen)


def _told(seen: dict[str, float]) -> str:
    return ", ".join(f"{step} after {seconds:.1f} s" for step, seconds in seen.items()) or "no answer at the door"
