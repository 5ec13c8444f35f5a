"""A minute for the checks of every change: ratios between things measured in one run, against those that are kept.

All of them compare the CPU that each event takes of the server and of Postgres, which hardly depends on what else
the machine does. What has fallen is looked at once more before it counts.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import baseline, quick_ratios
from benchmarks.baseline import Measured, Verdict, verdicts
from benchmarks.bench import Bench, tell_aside
from benchmarks.comparing import Failed
from benchmarks.machine import Busyness, facts
from benchmarks.report import table
from benchmarks.stores import a_store

ROUNDS, SECONDS = 7, 0.4
USED = "CPU for each, the other ÷ ours: more is better"


def run(
    rounds: int | None,
    seconds: float | None,
    *,
    keep: bool,
    as_json: bool,
    out: Path | None,
    file: Path = baseline.FILE,
) -> int:
    """The exit code: 1 where a ratio fell, or where something could not be measured."""
    began, busyness = time.perf_counter(), Busyness()
    with a_store(quiet=True) as store, tempfile.TemporaryDirectory() as folder:
        machine = facts(store.version(), Path(folder))
        bench = Bench(store, rounds or ROUNDS, seconds or SECONDS)
        try:
            found = _looked(bench, {} if keep else baseline.read(file))
        except Failed as error:
            tell_aside(f"bench: {error}")
            return 1
    if keep:
        baseline.keep(found, machine | {"on": datetime.now(UTC).date().isoformat()}, file)
        tell_aside(f"kept in {file}")
    judged = verdicts(baseline.read(file), found)
    _show(judged, machine, busyness.read(), time.perf_counter() - began, as_json=as_json, out=out)
    for one in judged:
        if one.fell:
            tell_aside(f"bench: {one}")
    return int(any(one.fell for one in judged))


def _looked(bench: Bench, kept: dict[str, float]) -> dict[str, Measured]:
    """Once, and once more at what has fallen."""
    found: dict[str, Measured] = {}
    for name, group in quick_ratios.GROUPS.items():
        bench.tell(f"quick: {name}")
        found |= group(bench)
    fallen = {one.name for one in verdicts(kept, found) if one.fell}
    again = {name: group for name, group in quick_ratios.GROUPS.items() if fallen & quick_ratios.NAMES[name]}
    for name, group in again.items():
        bench.tell(f"quick: {name}, once more")
        found = baseline.better(found, group(bench))
    return found


def _show(
    judged: list[Verdict],
    machine: dict[str, str],
    busy: dict[str, float],
    took: float,
    *,
    as_json: bool,
    out: Path | None,
) -> None:
    text = json.dumps(
        {"machine": machine, "busy": busy, "seconds": took, "ratios": baseline.as_json(judged)},
        indent=2, ensure_ascii=False,
    )  # fmt: skip
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)
        return
    print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, Postgres {machine['postgres']};",
        end=" ",
    )
    print(f"others used {busy['others_percent']:.0f} % of it; {took:.0f} s")
    print("\n".join(table([USED, "kept", "now", "change", ""], list(baseline.rows(judged)))))
