"""What calls of the API cost, and how many of them there may be: credits, limits, and the documented usage."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from tracker.simulator.wire import Refusal, stamp

if TYPE_CHECKING:
    from tracker.simulator.clock import Clock
    from tracker.simulator.wire import Request

USAGE = "/v1/usage"
SHOWN_ENDPOINTS, SHOWN_REQUESTS = 5, 10


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in each window of time; those beyond it are refused with 429 and told when to come again."""

    calls: int
    per: timedelta = timedelta(minutes=1)


class Meter:
    """Counts calls, and takes `price` credits for each; `balance` can be set, None is without end."""

    def __init__(self, clock: Clock, limit: Limit | None, balance: int | None, price: int) -> None:
        self.balance, self._price = balance, price
        self._clock, self._limit, self._began = clock, limit, clock.now()
        self._window, self._in_window = self._began, 0
        self._requests, self._spent = 0, 0
        self._endpoints: Counter[str] = Counter()
        self._recent: deque[dict[str, object]] = deque(maxlen=SHOWN_REQUESTS)

    def admit(self, request: Request) -> None:
        """Count the call and take its price; asking for the usage costs nothing. Raises Refusal with 429 or 402."""
        self._count(self._clock.now())
        self._requests += 1
        if request.path == USAGE or self.balance is None:
            return
        if self.balance < self._price:
            raise Refusal(402, "insufficient_credits", "There are no credits left")
        self.balance -= self._price
        self._spent += self._price

    def note(self, request: Request, endpoint: str, status: int) -> None:
        """Remember how a call was answered."""
        self._endpoints[endpoint] += 1
        shown = {"method": request.method, "endpoint": endpoint, "statusCode": status, "durationMs": 1}
        self._recent.append(shown)

    def usage(self) -> dict[str, object]:
        """`data` of GET /v1/usage, as documented."""
        now = self._clock.now()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (month + timedelta(days=31)).replace(day=1)
        key = {
            "id": "key_SIMULATED0000",
            "name": "simulated",
            "planTier": "growth",
            "creditBalance": self.balance if self.balance is not None else 1_000_000,
            "totalRequests": self._requests,
            "expiresAt": None,
            "lastUsedAt": stamp(now),
        }
        period = {"periodStart": stamp(month), "periodEnd": stamp(following)}
        busiest = self._endpoints.most_common(SHOWN_ENDPOINTS)
        return {
            "apiKey": key,
            "currentMonth": {"requests": self._requests, "creditsUsed": self._spent} | period,
            "topEndpoints": [{"endpoint": endpoint, "requests": requests} for endpoint, requests in busiest],
            "recentRequests": [*reversed(self._recent)],
        }

    def _count(self, now: datetime) -> None:
        if self._limit is None:
            return
        if now >= self._window + self._limit.per:
            self._window, self._in_window = now, 0
        if self._in_window >= self._limit.calls:
            wait = ceil((self._window + self._limit.per - now).total_seconds())
            raise Refusal(429, "rate_limited", "Too many requests", {"Retry-After": str(wait)})
        self._in_window += 1
