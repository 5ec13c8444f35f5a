"""Keys and sessions are checked here, so that who guesses is slowed down, and holds up nobody else.

Who was wrong too often is refused before the database is asked, by address. A key that fitted lately is not refused for
its neighbours' guesses; it is looked up all the same, so that a revoked one opens nothing from then on.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from tracker.domain.rate import Rate
from tracker.errors import TooOften
from tracker.store import keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from tracker.store.database import Connection, Database
    from tracker.store.keys import Key

    Look = Callable[[Connection], Awaitable[Key | None]]

MOST_KNOWN = 10_000


class Throttle:
    """At most `rate.times` at once by each, and so many again in `rate.per`; time is given in seconds.

    Whoever has not been wrong for long is forgotten, and so is, where there are too many, who was wrong least lately.
    """

    def __init__(self, rate: Rate, most: int = MOST_KNOWN) -> None:
        self._size, self._each, self._most = rate.times, rate.per.total_seconds() / rate.times, most
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """When the bucket of each will be full again."""

    def wait(self, who: str, now: float) -> float:
        """How many seconds are left until it may be wrong again; 0 where it may now."""
        missing = (self._full_at.get(who, now) - now) / self._each
        return max(0.0, (missing - (self._size - 1)) * self._each)

    def wrong(self, who: str, now: float) -> None:
        """It was, once more."""
        self._full_at[who] = max(self._full_at.get(who, now), now) + self._each
        self._full_at.move_to_end(who)
        oldest = next(iter(self._full_at))
        if self._full_at[oldest] <= now or len(self._full_at) > self._most:
            del self._full_at[oldest]

    def __len__(self) -> int:
        return len(self._full_at)


AT_ONCE = 2
"""So many of what is not known to fit are looked up at a time, which leaves the other connections to everybody else."""
MOST_FITTED = 1000
WRONG = Rate(120, timedelta(minutes=1))


class KeyChecks:
    """Checks keys and sessions of one database, and slows down addresses that guess; times are in seconds."""

    def __init__(self, database: Database, wrong: Rate = WRONG, now: Callable[[], float] = time.monotonic) -> None:
        self._database, self._now = database, now
        self._keys, self._sessions = Throttle(wrong), Throttle(wrong)
        self._fitted: OrderedDict[bytes, None] = OrderedDict()
        self._few = asyncio.Semaphore(AT_ONCE)

    async def key(self, text: str, address: str) -> Key | None:
        """The key of that text; raises TooOften. What cannot be a key is no guess, and costs nothing."""
        return await self.sign_in(text, address) if keys.has_form(text) else None

    async def sign_in(self, text: str, address: str) -> Key | None:
        """The key of that text, for a sign-in on a page: any text that does not fit is a guess; raises TooOften."""
        return await self._look(self._keys, text, address, lambda conn: keys.authenticate(conn, text))

    async def key_of_session(self, token: str, address: str, now: datetime) -> Key | None:
        """The key that a session stands for; who was wrong too often has none, and may still sign in."""
        try:
            return await self._look(self._sessions, token, address, lambda conn: keys.find_session(conn, token, now))
        except TooOften:
            return None

    async def _look(self, throttle: Throttle, secret: str, address: str, look: Look) -> Key | None:
        name = sha256(secret.encode("utf-8", "surrogatepass")).digest()
        if name in self._fitted:
            key = await self._ask(look)
        else:
            async with self._few:
                if wait := throttle.wait(address, self._now()):
                    raise TooOften("too many keys that do not fit came from your address", math.ceil(wait))
                key = await self._ask(look)
        self._remember(name, fits=key is not None)
        if key is None:
            throttle.wrong(address, self._now())
        return key

    async def _ask(self, look: Look) -> Key | None:
        async with self._database.connection() as conn:
            return await look(conn)

    def _remember(self, name: bytes, *, fits: bool) -> None:
        if not fits:
            self._fitted.pop(name, None)
            return
        self._fitted[name] = None
        self._fitted.move_to_end(name)
        if len(self._fitted) > MOST_FITTED:
            self._fitted.popitem(last=False)
