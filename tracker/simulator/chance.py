"""Chance without dice: the answer to each named question is fixed by the seed, in whatever order one asks."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

T = TypeVar("T")

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Chance:
    """What fate holds for one thing; `about` derives the fate of a part of it."""

    seed: str

    def about(self, *names: object) -> Chance:
        """The chance of something within this."""
        return Chance("/".join([self.seed, *map(str, names)]))

    def fraction(self, question: str) -> float:
        """A number in [0, 1)."""
        return int.from_bytes(self._digest(question)[:6]) / 2**48

    def happens(self, question: str, odds: float) -> bool:
        """Whether something of this probability (0 to 1) happens."""
        return self.fraction(question) < odds

    def span(self, question: str, least: timedelta, most: timedelta) -> timedelta:
        """A span in [least, most)."""
        return least + (most - least) * self.fraction(question)

    def pick(self, question: str, choices: Sequence[T]) -> T:
        """One of the choices, each as likely."""
        return choices[int(self.fraction(question) * len(choices))]

    def name(self, question: str, length: int = 13) -> str:
        """An identifier, as opaque as the provider's own."""
        return "".join(LETTERS[byte % len(LETTERS)] for byte in self._digest(question)[:length])

    def _digest(self, question: str) -> bytes:
        return sha256(f"{self.seed}?{question}".encode()).digest()
