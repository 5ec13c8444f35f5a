"""The ratios that are kept, and whether those of now have fallen below them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparing import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FILE = Path(__file__).with_name("baseline.json")
ALLOWED = 0.3
"""The part of a ratio that may be lost before it counts: what a noisy machine loses now and then is less."""


@dataclass(frozen=True)
class Measured:
    """A ratio of now; a higher one is better."""

    what: str
    spread: Spread


@dataclass(frozen=True)
class Verdict:
    """A ratio beside the kept one; None: nothing is kept, or it was not measured."""

    name: str
    what: str
    kept: float | None
    now: Spread | None

    @property
    def change(self) -> float | None:
        """By which part it went up, or (negative) down."""
        return self.now.median / self.kept - 1 if self.kept and self.now else None

    @property
    def fell(self) -> bool:
        """By more than is allowed; one that is not measured any more counts as fallen."""
        return self.now is None or (self.change is not None and self.change < -ALLOWED)

    def __str__(self) -> str:
        if self.now is None:
            return f'"{self.name}" is kept and was not measured: mend it, or keep the ratios anew with --keep'
        if self.kept is None:
            return f'"{self.name}" is not kept yet: --quick --keep keeps it'
        word = "fell" if (self.change or 0) < 0 else "went"
        return (
            f'"{self.name}" {word} from {self.kept:.3g} to {self.now.median:.3g}, by {abs(self.change or 0):.0%}'
            f" ({ALLOWED:.0%} is allowed): {self.what}"
        )


def verdicts(kept: Mapping[str, float], found: Mapping[str, Measured]) -> list[Verdict]:
    """Of everything that is kept or was measured."""
    return [
        Verdict(name, found[name].what, kept.get(name), found[name].spread)
        if name in found
        else Verdict(name, "", kept[name], None)
        for name in [*found, *(name for name in kept if name not in found)]
    ]


def better(first: Mapping[str, Measured], second: Mapping[str, Measured]) -> dict[str, Measured]:
    """Of two looks at the same ratios, for each the one that speaks for it: what is slow is slow both times."""
    return {
        name: max(found, second.get(name, found), key=lambda one: one.spread.median) for name, found in first.items()
    }


def read(file: Path = FILE) -> dict[str, float]:
    """The kept ratios by name; none where there is no file."""
    if not file.is_file():
        return {}
    kept: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))["ratios"]
    return kept


def keep(
    found: Mapping[str, Measured], rest: Mapping[str, float], made_by: Mapping[str, str], file: Path = FILE
) -> None:
    """Write down what was measured, beside the rest, which was not, and on what."""
    ratios = {**rest} | {name: round(one.spread.median, 4) for name, one in found.items()}
    text = {"made_by": made_by, "ratios": ratios}
    file.write_text(json.dumps(text, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def rows(found: Sequence[Verdict]) -> Iterator[list[str]]:
    """For a table."""
    for one in found:
        now = f"{one.now.median:.3g} ({one.now.least:.3g}–{one.now.most:.3g})" if one.now else "-"
        change = "-" if one.change is None else f"{one.change:+.0%}"
        yield [one.name, f"{one.kept:.3g}" if one.kept else "-", now, change, "FELL" if one.fell else "ok"]


def as_json(found: Sequence[Verdict]) -> list[dict[str, Any]]:
    """For machines."""
    return [
        {
            "name": one.name,
            "what": one.what,
            "kept": one.kept,
            "now": one.now.median if one.now else None,
            "least": one.now.least if one.now else None,
            "most": one.now.most if one.now else None,
            "change": one.change,
            "fell": one.fell,
        }
        for one in found
    ]
