"""One look for everybody who has a page open: no more often than it is worth, however many they are."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tracker.store.database import Connection, Database

Found = TypeVar("Found")


class Cached(Generic[Found]):
    """Looks at most once in `pause` seconds, and rests for `rest` times as long as the look took, if that is more."""

    def __init__(
        self, database: Database, look: Callable[[Connection], Awaitable[Found]], pause: float, rest: float = 1.0
    ) -> None:
        self._database, self._look, self._pause, self._rest = database, look, pause, rest
        self._looking = asyncio.Lock()
        self._found: Found | None = None
        self._look_again_at = 0.0

    async def found(self) -> Found:
        """What was found just now, or a moment ago."""
        async with self._looking:
            began = time.monotonic()
            if self._found is None or began >= self._look_again_at:
                async with self._database.connection() as conn:
                    self._found = await self._look(conn)
                took = time.monotonic() - began
                self._look_again_at = time.monotonic() + max(self._pause, self._rest * took)
            return self._found
