"""The gate before every call of a provider: budgets, pauses and the circuit, shared by all processes in Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from tracker.domain.actions import Reason
from tracker.domain.calls.call_limits import Refused, Terms
from tracker.domain.calls.circuit_breaker import Circuit
from tracker.errors import Unavailable
from tracker.runtime import metrics
from tracker.runtime.logger import Logger
from tracker.store.calls import call_limits

if TYPE_CHECKING:
    from datetime import datetime

    from tracker.domain.calls.call_limits import CallLimits, CallRequest, CallResult, Permit
    from tracker.settings import Settings
    from tracker.store.database import Database


class RateLimiter(Protocol):
    """Lets calls of the configured providers through, or does not."""

    async def acquire(self, provider: str, wish: CallRequest) -> Permit | Refused:
        """Whether the call may be made now; one that may is counted, whether it is made or not."""

    async def report(self, provider: str, wish: CallRequest, result: CallResult) -> None:
        """How the call that was let through has ended; raises nothing, because the call is over."""


log = Logger(__name__)

SLACK = timedelta(seconds=5)
"""What a call may take beyond its deadline before another one tells whether the provider is back."""


class SharedRateLimiter:
    """Each question and each answer is one short transaction, which holds the provider's row."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._terms = terms_of(settings)

    async def acquire(self, provider: str, wish: CallRequest) -> Permit | Refused:
        """Whether the call may be made now; where the database is away nobody knows, so it may not."""
        try:
            async with self._database.transaction() as conn:
                standing, now = await call_limits.hold(conn, provider)
                after, answer = standing.acquire(self._terms[provider], wish, now)
                await call_limits.save(conn, after)
        except Unavailable as error:
            answer = Refused(Reason.UNAVAILABLE, str(error))
        if isinstance(answer, Refused):
            metrics.provider_calls.labels(provider, wish.purpose, answer.reason).inc()
        return answer

    async def report(self, provider: str, wish: CallRequest, result: CallResult) -> None:
        """How the call has ended; what cannot be kept, because the database is away, is lost."""
        metrics.provider_calls.labels(provider, wish.purpose, result.reason).inc()
        try:
            async with self._database.transaction() as conn:
                before, now = await call_limits.hold(conn, provider)
                after = before.record(result, now)
                await call_limits.save(conn, after)
        except Unavailable as error:
            log.warning("provider.not_remembered", provider=provider, reason=str(result.reason), error=str(error))
        else:
            _log_changes(before, after, result, now)


def terms_of(settings: Settings) -> dict[str, Terms]:
    """What the operator allows of each provider."""
    longest = settings.outbound.timeout + SLACK
    return {
        name: Terms(provider.budget, provider.credits_kept, longest) for name, provider in settings.providers.items()
    }


def _log_changes(before: CallLimits, after: CallLimits, result: CallResult, now: datetime) -> None:
    provider, until = after.provider, after.breaker.open_until
    if until and until != before.breaker.open_until:
        again = before.breaker.circuit(now) is not Circuit.CLOSED
        log.warning("provider.circuit_opened", provider=provider, reason=result.reason, until=until, again=again)
    if before.breaker.open_until and not until:
        log.info("provider.circuit_closed", provider=provider)
    if after.put_off_until and after.put_off_until != before.put_off_until:
        log.warning("provider.put_off", provider=provider, reason=result.reason, until=after.put_off_until)
