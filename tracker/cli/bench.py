"""`tracker bench`: the benchmark behind README's figures, which comes with the source and not with an installation."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tracker.cli import FOUND_PROBLEMS, app
from tracker.cli.context import Json
from tracker.cli.output import say

CHECKOUT = Path(__file__).parents[2]
NO_SOURCE = """the benchmark comes with the source of tracker, and is not part of an installation.
Get the source, and in its folder run: ./run bench"""


@app.command()
def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PART",
            help="door, log, processor, actions, reaction or memory; all of them if not named. growth, only if named.",
        ),
    ] = None,
    runs: Annotated[int | None, typer.Option(help="How often each side is measured; 3 if not named.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="About how long each run of a side takes; 8 if not named.")
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(help="How many events memory has the service take, or growth stores: 500000,5000000,50000000."),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="In a minute: ratios, against those that are kept; a fallen one is a problem."),
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="With --quick: keep the ratios of this run.")] = False,
    baseline: Annotated[
        Path | None,
        typer.Option(
            resolve_path=True,
            dir_okay=False,
            help="With --quick: where ratios are kept; benchmarks/baseline.json if not named.",
        ),
    ] = None,
    json: Json = False,
    out: Annotated[
        Path | None, typer.Option(resolve_path=True, dir_okay=False, help="Keep the JSON in this file as well.")
    ] = None,
) -> None:
    """Measure this machine: tracker beside other ways to do the same, in alternation."""
    if not (CHECKOUT / "benchmarks" / "__main__.py").is_file():
        say(f"tracker: {NO_SOURCE}", aside=True)
        raise typer.Exit(FOUND_PROBLEMS)
    given = {"--runs": runs, "--seconds": seconds, "--events": events, "--baseline": baseline, "--out": out}
    asked = {"--quick": quick, "--keep": keep, "--json": json}
    words = [*(parts or ()), *(f"{name}={value}" for name, value in given.items() if value is not None)]
    words += [name for name, is_asked in asked.items() if is_asked]
    # In this process's place, so that a signal ends it, and what is measured is nobody's child but the benchmark's.
    os.chdir(CHECKOUT)
    os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *words])  # noqa: S606  (our own program)
