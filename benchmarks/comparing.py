"""What is compared, measured in alternation, and what it comes to: medians, spreads and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Figures = dict[str, float]
"""What one run of one side came to, by the names of MEASURES."""

MEASURES: Mapping[str, tuple[str, str]] = {
    "per_second": ("per s", ",.0f"),
    "ours": ("µs server", ",.1f"),
    "postgres": ("µs Postgres", ",.1f"),
    "p50": ("p50 ms", ",.2f"),
    "p99": ("p99 ms", ",.2f"),
    "calm_p50": ("p50 ms at a tenth", ",.2f"),
    "calm_p99": ("p99 ms at a tenth", ",.2f"),
    "outside_p50": ("p50 ms outside", ",.2f"),
    "outside_p99": ("p99 ms outside", ",.2f"),
    "server_core": ("server's core %", ",.0f"),
    "generator_core": ("generator's core %", ",.0f"),
    "postgres_core": ("Postgres core %", ",.0f"),
    "statements": ("statements", ",.1f"),
    "transactions": ("transactions", ",.1f"),
    "commits": ("of them write", ",.1f"),
    "wal": ("WAL bytes", ",.0f"),
    "bytes": ("bytes", ",.0f"),
    "heap": ("rows", ",.0f"),
    "indexes": ("indexes", ",.0f"),
    "remains": ("remain", ",.0f"),
    "seconds": ("s", ",.2f"),
    "resident": ("MiB", ",.0f"),
    "peak": ("MiB at most", ",.0f"),
    "postgres_resident": ("MiB Postgres", ",.0f"),
}
"""What is measured: its heading and how it is written."""


class Missing(Exception):
    """A side that cannot be measured here; says why."""


class Failed(Missing):
    """A side that should have worked."""


@dataclass(frozen=True)
class Side:
    """One of those compared; `measure` is given the number of the run."""

    name: str
    what: str
    measure: Callable[[int], Figures]


@dataclass(frozen=True)
class Spread:
    """The middle of several runs, and between what they lie."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Ratio:
    """How one side does beside another, run by run; `better` is "more" or "less"."""

    what: str
    spread: Spread


@dataclass(frozen=True)
class Goal:
    """What a figure should be at most, and is."""

    what: str
    at_most: float
    measured: float

    @property
    def is_met(self) -> bool:
        return self.measured <= self.at_most


@dataclass
class Comparison:
    """Sides that were measured in the same run."""

    part: str
    title: str
    about: dict[str, str] = field(default_factory=dict)
    runs: dict[str, list[Figures]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    ratios: list[Ratio] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def spread(self, side: str, measure: str) -> Spread | None:
        """Of a figure that this side has."""
        values = [figures[measure] for figures in self.runs.get(side, ()) if measure in figures]
        return Spread.of(values) if values else None

    def beside(self, what: str, side: str, other: str, value: Callable[[Figures], float]) -> None:
        """Adds the ratio of what two sides came to in the same round, where both were measured."""
        pairs = list(zip(self.runs.get(side, ()), self.runs.get(other, ()), strict=False))
        if pairs:
            self.ratios.append(Ratio(what, Spread.of([value(one) / value(two) for one, two in pairs])))

    def should(self, what: str, side: str, measure: str, at_most: float) -> None:
        """Adds a goal, where its figure was measured."""
        if found := self.spread(side, measure):
            self.goals.append(Goal(what, at_most, found.median))


def rate(figures: Figures) -> float:
    return figures["per_second"]


def cost(figures: Figures) -> float:
    """Microseconds of CPU for each, of the server and of Postgres together."""
    return figures["ours"] + figures["postgres"]


def alternate(part: str, title: str, sides: Sequence[Side], runs: int, tell: Callable[[str], None]) -> Comparison:
    """Every side once, then every side once more, and so on; what cannot be measured is left out, and named."""
    found = Comparison(part, title, {side.name: side.what for side in sides})
    for run in range(runs):
        for side in sides:
            if side.name in found.missing:
                continue
            tell(f"{part}: {side.name}, {run + 1} of {runs}")
            try:
                found.runs.setdefault(side.name, []).append(side.measure(run))
            except Missing as reason:
                found.missing[side.name] = str(reason)
                found.failed |= isinstance(reason, Failed)
                found.runs.pop(side.name, None)
    return found
