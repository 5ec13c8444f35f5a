"""`tracker doctor`: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tracker.cli import FOUND_PROBLEMS, app
from tracker.cli.context import Config, Json, open_settings, require_configured
from tracker.cli.output import counted, say, show_list
from tracker.errors import Misconfigured, TrackerError

if TYPE_CHECKING:
    from tracker.settings import Settings

WIDTH = 14
PATIENCE = 15.0


class Verdict(StrEnum):
    """A problem must be mended; a warning may be as it should be."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it; `advice` is empty where all is well."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, Verdict.OK, found)


def warning(check: str, found: str, advice: str) -> Finding:
    """It may be as it should be."""
    return Finding(check, Verdict.WARNING, found, advice)


def problem(check: str, found: str, advice: str) -> Finding:
    """It must be mended."""
    return Finding(check, Verdict.PROBLEM, found, advice)


@app.command()
def doctor(config: Config = None, json: Json = False) -> None:
    """Find what is wrong with this installation, and say what to do about it; exit code 1 when there is a problem."""
    require_configured(config)
    findings: list[Finding] = []
    for finding in _examine(config):
        findings.append(finding)
        if not json:
            _tell(finding)
    if json:
        show_list(findings)
    else:
        many = Counter(finding.verdict for finding in findings)
        parts = [counted(many[kind], kind) for kind in (Verdict.PROBLEM, Verdict.WARNING) if many[kind]]
        say(", ".join(parts) or "nothing is wrong")
    if any(finding.verdict is Verdict.PROBLEM for finding in findings):
        raise typer.Exit(FOUND_PROBLEMS)


def _examine(config: Path | None) -> Iterator[Finding]:
    from tracker.act.performers.channel_checks import usable  # noqa: PLC0415  (takes half a second)
    from tracker.cli.doctor_config import examine_here  # noqa: PLC0415  (as above)

    try:
        settings = open_settings(config, anywhere=True)
    except Misconfigured as error:
        for fault in (error, *getattr(error, "__notes__", ())):
            yield problem("config", str(fault), "put it right; nothing else can be looked at before")
        return
    file = config or Path("config.toml")
    if file.exists():
        yield ok("config", str(file))
    else:
        yield warning("config", f"there is no {file}: every setting has its default", "`tracker init` writes one")
    for fault in (fault for faults in usable(settings).left_out.values() for fault in faults):
        yield problem("config", str(fault), "put it right: until then nothing is sent there, and the rest works")
    yield from examine_here(settings)
    yield from _examine_database(settings)


def _examine_database(settings: Settings) -> Iterator[Finding]:
    from tracker.cli.doctor_database import examine_database  # noqa: PLC0415  (takes half a second)
    from tracker.embedded.server import is_made, postgres  # noqa: PLC0415  (as above)

    if not is_made(settings):
        yield warning("database", "the embedded Postgres has not been made yet", "`tracker serve` makes it")
        return
    try:
        with postgres(settings, PATIENCE) as (dsn, embedded):
            yield from asyncio.run(examine_database(settings, dsn, embedded=embedded is not None))
    except TrackerError as error:
        yield problem("database", str(error), "`tracker serve` cannot start either before this is put right")


def _tell(finding: Finding) -> None:
    say(f"{finding.verdict:<9}{finding.check:<{WIDTH}}{finding.found}")
    for line in finding.advice.splitlines():
        say(f"{'':<{9 + WIDTH}}{line}")
