"""The full form: every part that was asked for, one report."""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.asked import PARTS
from benchmarks.bench import Bench, tell_aside
from benchmarks.machine import Busyness, facts, warning
from benchmarks.report import Report
from benchmarks.stores import a_store

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(
    parts: Sequence[str],
    runs: int | None,
    seconds: float | None,
    events: Sequence[int],
    *,
    as_json: bool,
    out: Path | None,
) -> int:
    """The exit code: 1 where something failed that should have worked."""
    busyness = Busyness()
    with a_store() as store, tempfile.TemporaryDirectory() as folder:
        report = Report(facts(store.version(), Path(folder)))
        bench = Bench(store, runs or Bench.runs, seconds or Bench.seconds, events)
        for part in parts or PARTS:
            report.comparisons += import_module(f"benchmarks.{part}").compare(bench)
        report.busy = busyness.read()
    report.warnings += [said for said in [warning(report.busy)] if said]
    _show(report, as_json=as_json, out=out)
    return int(report.failed)


def _show(report: Report, *, as_json: bool, out: Path | None) -> None:
    """On standard output; JSON into the file besides, where one is named."""
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
        tell_aside(f"kept as JSON in {out}")
    print(text if as_json else "\n".join(report.lines()))
