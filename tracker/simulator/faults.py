"""What goes wrong between the provider and us, by a chance that the seed alone decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

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


@dataclass(frozen=True, slots=True)
class Faults:
    """How often (0 to 1) a delivery suffers what; none by default.

    `late` ones wait up to `latest`, so that younger ones overtake them. `lost` ones are never sent. `silent` is for
    whole posts: from some delivery on (the first included), nothing about them is sent. `misnamed` ones are called by
    the name of the opposite end, while their status says the truth.
    """

    repeated: float = 0.0
    late: float = 0.0
    latest: timedelta = timedelta(minutes=2)
    lost: float = 0.0
    silent: float = 0.0
    misnamed: float = 0.0


ROUGH = Faults(repeated=0.05, late=0.1, lost=0.01, silent=0.01)
"""The weather of the demo."""


OPPOSITE = {"post.published": "post.failed", "post.failed": "post.published"}


def called(seed: str, post: str, nth: int, event: str, faults: Faults) -> str:
    """The name under which the `nth` event about a post is told."""
    wrong = Chance(seed).about(post, nth).happens("misnamed", faults.misnamed)
    return OPPOSITE.get(event, event) if wrong else event


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one delivery: sent after `delay`, and once more after each of `repeats`; or not at all."""

    delay: timedelta = timedelta(0)
    repeats: tuple[timedelta, ...] = ()
    lost: bool = False


def fate(seed: str, webhook: str, post: str, nth: int, faults: Faults) -> Fate:
    """The fate of the `nth` (from 1) delivery about a post to a webhook."""
    chance = Chance(seed).about(webhook, post, nth)
    of_post = Chance(seed).about(webhook, post)
    silent = of_post.happens("silent", faults.silent) and nth >= of_post.pick("since", (1, 2, 3))
    if chance.happens("lost", faults.lost) or silent:
        return Fate(lost=True)
    zero = timedelta(0)
    delay = chance.span("delay", zero, faults.latest) if chance.happens("late", faults.late) else zero
    if not chance.happens("repeated", faults.repeated):
        return Fate(delay)
    times = chance.pick("times", (1, 1, 1, 2, 3))
    return Fate(delay, tuple(delay + chance.span(f"again {n}", zero, faults.latest) for n in range(times)))
