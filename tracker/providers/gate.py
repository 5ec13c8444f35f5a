"""Who a client asks before each call, and tells afterwards: all processes share what a provider allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tracker.domain.calls.call_limits import CallRequest, CallResult, Permit, Refused


class RateLimiter(Protocol):
    """Lets calls of the configured providers through, or does not."""

    async def acquire(self, provider: str, wish: CallRequest) -> Permit | Refused:
        """Whether the call may be made now; one that may is counted, whether it is made or not."""

    async def report(self, provider: str, wish: CallRequest, result: CallResult) -> None:
        """How the call that was let through has ended; raises nothing, because the call is over."""
