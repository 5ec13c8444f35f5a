"""What a run came to: how many faults of which kind, what was broken, and how soon all was well again."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.chaos.plan import Step
    from tests.acceptance.chaos.recovery import Back
    from tests.acceptance.chaos.scenes import Scene

LONGEST = 1500


@dataclass
class Outcome:
    """One fault, as it went."""

    step: Step
    back: Back | None = None
    through: Back | None = None
    """How soon a delivery was acted on while it lasted, where all must go on."""
    missed: str = ""
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def line(self) -> str:
        """It in a line."""
        said = "; ".join(self.broken) or self.missed or "hurried"
        if self.back and not self.broken:
            said = f"door {self.back.door:.2f}  projected {self.back.projected:.2f}  acted {self.back.acted:.2f}"
            said += f"  meanwhile {self.through.door:.2f} {self.through.acted:.2f}" if self.through else ""
        mark = "BROKEN" if self.broken else "missed" if self.missed else "ok"
        return f"{self.step.number:5} {self.step.kind.name:24} {mark:6} {said}"


class Report:
    """Everything about a run; `well` when nothing was broken."""

    def __init__(self, seed: int) -> None:
        self.seed, self._began, self.seconds = seed, time.monotonic(), 0.0
        self.outcomes: list[Outcome] = []
        self.broken: list[str] = []
        self.left_out: list[str] = []
        self.totals: Counter[str] = Counter()
        self.slowest = 0.0

    @property
    def well(self) -> bool:
        """Whether all held."""
        return not self.broken

    def add(self, outcome: Outcome) -> None:
        """A fault is over."""
        self.outcomes.append(outcome)
        self.broke(f"fault {outcome.step.number} ({outcome.step.kind.name})", outcome.broken)

    def broke(self, where: str, what: list[str]) -> None:
        """Something does not hold."""
        self.broken += [f"{where}: {one}" for one in what]

    def count(self, scene: Scene) -> None:
        """An act is over."""
        book = scene.book
        self.slowest = max(self.slowest, book.slowest)
        self.totals += Counter(
            {
                "acknowledged bodies": len(book.acknowledged),
                "answers of 2xx": book.answered,
                "answers of 503": book.refused,
                "without an answer": book.unanswered,
                "events in the log": scene.events,
                "sends on record": scene.actions,
                "sends accepted": sum(scene.sink.accepted.values()),
                "answers lost by the network": scene.proxy.lost if scene.proxy else 0,
                "mended by force": scene.mended,
            }
        )

    def take(self, act: Report) -> None:
        """What one act came to."""
        self.outcomes += act.outcomes
        self.broken += act.broken
        self.left_out += act.left_out
        self.totals += act.totals
        self.slowest = max(self.slowest, act.slowest)

    def ended(self) -> None:
        """The run is over."""
        self.seconds = time.monotonic() - self._began

    def __str__(self) -> str:
        done = sum(not outcome.missed for outcome in self.outcomes)
        each = self.seconds / max(len(self.outcomes), 1)
        return "\n".join(
            [
                f"seed {self.seed}: {done} faults in {self.seconds:.0f} s ({each:.2f} s each)",
                f"  broken: {len(self.broken)}",
                *(f"  {name}: {number}" for name, number in self.totals.items()),
                f"  slowest answer at the door: {self.slowest:.2f} s",
                *self._kinds(),
                *(f"  left out: {reason}" for reason in self.left_out),
                *(f"  BROKEN {_shortened(what)}" for what in self.broken),
            ]
        )

    def _kinds(self) -> list[str]:
        """Each kind: how often, how often broken, and the worst and the usual time until a rule had acted."""
        kinds: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            kinds[outcome.step.kind.name].append(outcome)
        lines = []
        for name, those in sorted(kinds.items()):
            times = sorted(one.back.acted for one in those if one.back)
            back = f"back {times[len(times) // 2]:5.2f} s, worst {times[-1]:5.2f} s" if times else "not measured"
            meanwhile = max((one.through.acted for one in those if one.through), default=None)
            back += f", worst meanwhile {meanwhile:5.2f} s" if meanwhile else ""
            missed = sum(bool(one.missed) for one in those)
            wrong = sum(bool(one.broken) for one in those)
            lines.append(f"  {name:24} {len(those):4} ({missed} missed, {wrong} broken)  {back}")
        return lines


def _shortened(what: str) -> str:
    """Its beginning says what, and its end is the end of a log."""
    return what if len(what) <= LONGEST else f"{what[: LONGEST // 3]} … {what[-LONGEST // 3 * 2 :]}"
