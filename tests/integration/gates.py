"""Gates for tests without a database: one that is open, and remembers what it was asked and told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracker.domain.standing import Permit

if TYPE_CHECKING:
    from tracker.domain.standing import Heard, Refused, Wish


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
