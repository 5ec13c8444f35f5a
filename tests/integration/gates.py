"""Gates for tests without a database: one that is open, and one that keeps to a budget by a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tracker.domain.calls.call_limits import CallLimits, Permit, Terms

if TYPE_CHECKING:
    from tracker.domain.calls.call_limits import CallRequest, CallResult, Refused


@dataclass
class OpenGate:
    """Lets every call through; where `answers` are given, these are its next ones."""

    answers: list[Permit | Refused] = field(default_factory=list)
    asked: list[CallRequest] = field(default_factory=list)
    told: list[CallResult] = field(default_factory=list)

    async def acquire(self, provider: str, wish: CallRequest) -> Permit | Refused:
        self.asked.append(wish)
        return self.answers.pop(0) if self.answers else Permit()

    async def report(self, provider: str, wish: CallRequest, result: CallResult) -> None:
        self.told.append(result)


@dataclass
class ClockedGate:
    """Decides as the shared gate does, on a clock that a test moves, and for one process."""

    terms: Mapping[str, Terms]
    clock: Callable[[], datetime]
    standings: dict[str, CallLimits] = field(default_factory=dict)

    async def acquire(self, provider: str, wish: CallRequest) -> Permit | Refused:
        self.standings[provider], answer = self._of(provider).acquire(self.terms[provider], wish, self.clock())
        return answer

    async def report(self, provider: str, wish: CallRequest, result: CallResult) -> None:
        self.standings[provider] = self._of(provider).record(result, self.clock())

    def _of(self, provider: str) -> CallLimits:
        return self.standings.get(provider, CallLimits(provider))
