"""What is left to do until an installation knows of its first post: four steps that tick themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracker.queries import health

if TYPE_CHECKING:
    from tracker.dashboard.installation import Installation
    from tracker.store.database import Connection


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The addresses of the doors, by provider, and how far it has come: has anything knocked, has one been let in."""

    doors: Sequence[tuple[str, str]]
    knocked: bool
    seen: bool

    @property
    def done(self) -> dict[str, bool]:
        """Which of the steps are done; the last one never is, for then nobody asks."""
        return {"provider": bool(self.doors), "address": self.knocked, "test": self.seen, "post": False}


async def first_steps(conn: Connection, installation: Installation, base_url: str) -> FirstSteps:
    """Where an installation without a post stands; `base_url` is where it is reached if nobody has said otherwise."""
    base = (installation.settings.server.public_url or base_url).rstrip("/")
    names = sorted(installation.doors)
    seen, knocked = await health.arrivals(conn, names)
    return FirstSteps([(name, f"{base}/webhooks/{name}") for name in names], knocked, seen)
