"""A minute for the checks of every change: ratios between things measured in one run, against those that are kept.

All of them compare the CPU that each event takes of the server and of Postgres, which hardly depends on what else
the machine does. What has fallen is looked at once more before it counts.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import baseline
from benchmarks.baseline import Measured, Verdict, verdicts
from benchmarks.bench import Bench, tell_aside
from benchmarks.comparing import Failed
from benchmarks.machine import Busyness, facts, warning
from benchmarks.quick_ratios import GROUPS
from benchmarks.report import table
from benchmarks.stores import a_store

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from benchmarks.quick_ratios import Groups

USED = "CPU for each, the other ÷ ours: more is better"


@dataclass(frozen=True)
class Asked:
    """What of it, how much, and where the kept ratios are."""

    parts: Sequence[str] = ()
    rounds: int = 7
    seconds: float = 0.4
    keep: bool = False
    as_json: bool = False
    out: Path | None = None
    file: Path = baseline.FILE


def asked_by(options: Namespace) -> Asked:
    """What the words of the command come to."""
    return Asked(
        options.parts,
        options.runs or Asked.rounds,
        options.seconds or Asked.seconds,
        keep=options.keep,
        as_json=options.json,
        out=options.out,
        file=options.baseline or baseline.FILE,
    )


def run(asked: Asked) -> int:
    """The exit code: 1 where a ratio fell, or where something could not be measured."""
    began, busyness = time.perf_counter(), Busyness()
    groups = {name: GROUPS[name] for name in asked.parts or GROUPS}
    kept = _of(groups, baseline.read(asked.file))
    with a_store(quiet=True) as store, tempfile.TemporaryDirectory() as folder:
        machine = facts(store.version(), Path(folder))
        bench = Bench(store, asked.rounds, asked.seconds)
        try:
            found = _looked(bench, groups, {} if asked.keep else kept)
        except Failed as error:
            tell_aside(f"bench: {error}")
            return 1
    if asked.keep:
        rest = {name: ratio for name, ratio in baseline.read(asked.file).items() if name not in kept}
        baseline.keep(found, rest, machine | {"on": datetime.now(UTC).date().isoformat()}, asked.file)
        tell_aside(f"kept in {asked.file}")
        if said := warning(busyness.read()):
            tell_aside(f"! {said}: better keep them on a quiet machine")
    judged = verdicts(_of(groups, baseline.read(asked.file)), found)
    _show(asked, judged, machine, busyness.read(), time.perf_counter() - began)
    for one in judged:
        if one.fell or one.kept is None:
            tell_aside(f"bench: {one}")
    return int(any(one.fell for one in judged))


def _of(groups: Groups, kept: Mapping[str, float]) -> dict[str, float]:
    """The ratios of these groups, and those that are of none any more, where all are asked for."""
    others = {name for group, (_, names) in GROUPS.items() if group not in groups for name in names}
    known = {name for _, names in GROUPS.values() for name in names}
    return {name: ratio for name, ratio in kept.items() if name not in others and (name in known or groups == GROUPS)}


def _looked(bench: Bench, groups: Groups, kept: Mapping[str, float]) -> dict[str, Measured]:
    """Once, and once more at what has fallen."""
    found: dict[str, Measured] = {}
    for name, (measure, _) in groups.items():
        bench.tell(f"quick: {name}")
        found |= measure(bench)
    fallen = {one.name for one in verdicts(kept, found) if one.fell}
    for name, (measure, names) in groups.items():
        if fallen & names:
            bench.tell(f"quick: {name} has lost something, and is looked at once more")
            found = baseline.better(found, measure(bench))
    return found


def _show(asked: Asked, judged: list[Verdict], machine: dict[str, str], busy: dict[str, float], took: float) -> None:
    said = {"machine": machine, "busy": busy, "seconds": took, "ratios": baseline.as_json(judged)}
    text = json.dumps(said, indent=2, ensure_ascii=False)
    if asked.out:
        asked.out.write_text(text + "\n", encoding="utf-8")
    if asked.as_json:
        print(text)
        return
    print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, Postgres {machine['postgres']};",
        end=" ",
    )
    print(f"others used {busy['others_percent']:.0f} % of it; {took:.0f} s")
    print("\n".join(table([USED, "kept", "now", "change", ""], list(baseline.rows(judged)))))
