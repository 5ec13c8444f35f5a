"""`python -m benchmarks [PART ...]`, which is what `tracker bench` runs: everything in alternation, in one table."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import quick
from benchmarks.bench import Bench, tell_aside
from benchmarks.machine import Busyness, facts, warning
from benchmarks.report import Report
from benchmarks.stores import a_store
from tracker.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = {
    "door": "acknowledged webhooks, beside servers that keep nothing or are not ours",
    "log": "appending, beside the eventsourcing library",
    "projector": "from events to posts, beside an ORM row by row",
    "actions": "performing actions, beside Procrastinate and PgQueuer",
    "reaction": "from a webhook to the call that a rule makes of it",
    "memory": "what the service holds after many events, and how soon it is ready",
}
ALSO = {"growth": "the same figures with ten and a hundred times as much stored, and with several processes"}
LONGEST = 3600


def main() -> None:
    options = _options(sys.argv[1:])
    if options.quick:
        sys.exit(quick.run(options.runs, options.seconds, keep=options.keep, as_json=options.json, out=options.out))
    sys.exit(_run(options))


def _run(options: argparse.Namespace) -> int:
    busyness = Busyness()
    with a_store() as store, tempfile.TemporaryDirectory() as folder:
        report = Report(facts(store.version(), Path(folder)))
        bench = Bench(store, options.runs or Bench.runs, options.seconds or Bench.seconds, options.events)
        for part in options.parts or PARTS:
            report.comparisons += import_module(f"benchmarks.{part}").compare(bench)
        report.busy = busyness.read()
    report.warnings += [said for said in [warning(report.busy)] if said]
    show(report, as_json=options.json, out=options.out)
    return int(report.failed)


def show(report: Report, *, as_json: bool, out: Path | None) -> None:
    """On standard output; JSON into the file besides, where one is named."""
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
        tell_aside(f"kept as JSON in {out}")
    print(text if as_json else "\n".join(report.lines()))


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tracker bench", description=__doc__)
    known = PARTS | ALSO
    parts = "; ".join(f"{name}: {what}" for name, what in known.items())
    parser.add_argument("parts", nargs="*", metavar="PART", help=parts)
    parser.add_argument("--runs", type=_count, help="how often each side is measured; 3 if not named")
    parser.add_argument("--seconds", type=_seconds, help="about how long each run takes; 8 if not named")
    parser.add_argument("--events", type=_counts, default=(), help="how many to store, for memory and growth")
    parser.add_argument("--quick", action="store_true", help="only ratios, against those that are kept")
    parser.add_argument("--keep", action="store_true", help="with --quick: keep the ratios of this run")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--out", type=Path, help="keep the JSON in this file")
    options = parser.parse_args(words)
    for part in options.parts:
        if part not in known:
            parser.error(f'PART: "{part}" is not known{did_you_mean(part, known)}; known: {", ".join(known)}')
    if options.quick and options.parts:
        parser.error("--quick has parts of its own: name none")
    if options.keep and not options.quick:
        parser.error("--keep goes with --quick")
    return options


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a whole number above 0, as 3 is')
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(one) for one in text.split(",")]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f'"{text}" is not a number above 0, and at most {LONGEST}, as 8 is')
    return seconds


if __name__ == "__main__":
    main()
