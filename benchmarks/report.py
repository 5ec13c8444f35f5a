"""What was found, as a table for people and as JSON for machines."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.comparing import MEASURES, Comparison, Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = "  "
ONLY_IN_JSON = {"generator_core", "postgres_core"}


@dataclass
class Report:
    """The machine, how busy it was, and every comparison."""

    machine: dict[str, str]
    busy: dict[str, float] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(one.failed for one in self.comparisons)

    def as_json(self) -> dict[str, Any]:
        """Everything, single runs included."""
        return {
            "machine": self.machine,
            "busy": self.busy,
            "warnings": self.warnings,
            "parts": [_as_json(one) for one in self.comparisons],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        for name, value in self.machine.items():
            yield f"{name.replace('_', ' '):<12}{GAP}{value}"
        if self.busy:
            yield f"{'busy':<12}{GAP}" + ", ".join(
                f"{self.busy[f'{who}_percent']:.0f} % {what}"
                for who, what in (("ours", "this benchmark"), ("others", "others"), ("stolen", "taken by the host"))
            )
        yield from (f"! {warning}" for warning in self.warnings)
        for one in self.comparisons:
            yield ""
            yield from _lines(one)


def spread_text(spread: Spread, form: str) -> str:
    """The median, and between what the runs lie where there were several."""
    if spread.least == spread.most:
        return format(spread.median, form)
    return f"{spread.median:{form}} ({spread.least:{form}}–{spread.most:{form}})"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as they must be, all but the first to the right."""
    widths = [max(map(_width, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = [" " * (width - _width(cell)) + cell for cell, width in zip(row, widths, strict=True)]
        yield GAP.join([row[0] + " " * (widths[0] - _width(row[0])), *cells[1:]]).rstrip()


def _lines(one: Comparison) -> Iterator[str]:
    yield f"{one.title}: medians (least–most) of {max(map(len, one.runs.values()), default=0)} runs in alternation"
    known = {name for runs in one.runs.values() for run in runs for name in run}
    measures = [name for name in MEASURES if name in known - ONLY_IN_JSON]
    rows = [row for side in one.runs for row in _rows(one, side, measures)]
    if rows:
        yield from table(["", *(MEASURES[measure][0] for measure in measures)], rows)
    for side in filter(one.about.get, one.runs):
        yield f"  {side}: {one.about[side]}"
    for ratio in one.ratios:
        yield f"  {ratio.what}: {spread_text(ratio.spread, ',.2f')}"
    for goal in one.goals:
        verdict = "met" if goal.is_met else "MISSED"
        yield f"  goal, at most {goal.at_most:g}: {goal.what}: {goal.measured:,.2f}, {verdict}"
    yield from (f"  ! {note}" for note in one.notes)
    yield from (f"  not measured: {side}, because {reason}" for side, reason in one.missing.items())


def _rows(one: Comparison, side: str, measures: Sequence[str]) -> Iterator[list[str]]:
    """The medians, and below them between what the runs lie."""
    spreads = [(one.spread(side, measure), MEASURES[measure][1]) for measure in measures]
    yield [side, *(format(spread.median, form) if spread else "" for spread, form in spreads)]
    if len(one.runs[side]) > 1:
        yield ["", *(f"({spread.least:{form}}–{spread.most:{form}})" if spread else "" for spread, form in spreads)]


def _as_json(one: Comparison) -> dict[str, Any]:
    return {
        "part": one.part,
        "title": one.title,
        "sides": [
            {
                "name": side,
                "what": one.about.get(side, ""),
                "runs": runs,
                "spreads": {
                    name: asdict(one.spread(side, name) or Spread(0, 0, 0)) for name in MEASURES if name in runs[0]
                },
            }
            for side, runs in one.runs.items()
        ],
        "ratios": [asdict(ratio) for ratio in one.ratios],
        "goals": [asdict(goal) | {"is_met": goal.is_met} for goal in one.goals],
        "notes": one.notes,
        "not_measured": one.missing,
    }


def _width(text: str) -> int:
    return sum(not unicodedata.combining(letter) for letter in text)
