"""Gates for tests without a database: one that is open, and one that keeps to a budget by a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tracker.domain.calls.standing import Permit, Standing, Terms

if TYPE_CHECKING:
    from tracker.domain.calls.standing import Heard, Refused, Wish


@dataclass
class OpenGate:
    """Lets every call through; where `answers` are given, these are its next ones."""

    answers: list[Permit | Refused] = field(default_factory=list)
    asked: list[Wish] = field(default_factory=list)
    told: list[Heard] = field(default_factory=list)

    async def ask(self, provider: str, wish: Wish) -> Permit | Refused:
        self.asked.append(wish)
        return self.answers.pop(0) if self.answers else Permit()

    async def tell(self, provider: str, wish: Wish, heard: Heard) -> None:
        self.told.append(heard)


@dataclass
class ClockedGate:
    """Decides as the shared gate does, on a clock that a test moves, and for one process."""

    terms: Mapping[str, Terms]
    clock: Callable[[], datetime]
    standings: dict[str, Standing] = field(default_factory=dict)

    async def ask(self, provider: str, wish: Wish) -> Permit | Refused:
        self.standings[provider], answer = self._of(provider).ask(self.terms[provider], wish, self.clock())
        return answer

    async def tell(self, provider: str, wish: Wish, heard: Heard) -> None:
        self.standings[provider] = self._of(provider).hear(heard, self.clock())

    def _of(self, provider: str) -> Standing:
        return self.standings.get(provider, Standing(provider))
