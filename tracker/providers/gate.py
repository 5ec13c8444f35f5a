"""Who a client asks before each call, and tells afterwards: all processes share what a provider allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tracker.domain.calls.standing import Heard, Permit, Refused, Wish


class Gate(Protocol):
    """Lets calls of the configured providers through, or does not."""

    async def ask(self, provider: str, wish: Wish) -> Permit | Refused:
        """Whether the call may be made now; one that may is counted, whether it is made or not."""

    async def tell(self, provider: str, wish: Wish, heard: Heard) -> None:
        """How the call that was let through has ended; raises nothing, because the call is over."""
