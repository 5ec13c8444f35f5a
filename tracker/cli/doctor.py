"""`tracker doctor`: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tracker.cli import FOUND_PROBLEMS, app
from tracker.cli.context import Config, Json, open_settings, require_configured
from tracker.cli.doctor_providers import Finding, Verdict, ok, problem, warning
from tracker.cli.output import counted, say, show_list
from tracker.errors import Misconfigured, TrackerError
from tracker.outbound.configured import build_outbound, unreachable
from tracker.providers import build_providers
from tracker.providers.secret_file import SecretFile
from tracker.rulebook.source import read_rules
from tracker.rulebook.test_runner import run_tests
from tracker.settings.values import format_size

if TYPE_CHECKING:
    from tracker.settings import Provider, Settings

MEBIBYTE, GIBIBYTE = 2**20, 2**30
LITTLE, VERY_LITTLE = 5 * GIBIBYTE, 512 * MEBIBYTE


def examine_here(settings: Settings) -> Iterator[Finding]:
    """What there is to say about the settings and this machine."""
    yield from _rules(settings)
    yield from _providers(settings)
    yield from _outbound(settings)
    yield from _disk(settings)


def _rules(settings: Settings) -> Iterator[Finding]:
    book = read_rules(settings)
    for fault in book.faults:
        yield problem("rules", str(fault), "put it right: until then, the last good rules stay in force")
    for doubt in book.warnings:
        if doubt.file != str(settings.rules.dir):  # that there are none at all is said below
            yield warning("rules", str(doubt), "see whether it is meant")
    if book.faults:
        return
    if not book.rules:
        yield warning("rules", f"there are none in {settings.rules.dir}", "write one: `tracker init` shows how")
        return
    names = "every channel and endpoint that they name exists"
    yield ok("rules", f"{counted(len(book.rules), 'rule')} in {counted(len(book.files), 'file')}; {names}")
    outcomes = run_tests(book.tests, book.rules)
    if failed := sum(not outcome.passed for outcome in outcomes):
        yield warning("rule tests", f"{failed} of {len(outcomes)} fail", "`tracker rules test` says why")


def _providers(settings: Settings) -> Iterator[Finding]:
    try:
        doors = build_providers(settings)
    except Misconfigured as error:
        for fault in (error, *getattr(error, "__notes__", ())):
            yield problem("providers", str(fault), "put it right: the service does not start before")
        return
    if not settings.providers:
        yield warning("providers", "none is configured: no webhook is taken", "write [providers.<name>] in config.toml")
    for name, provider in settings.providers.items():
        file = SecretFile(provider.secret_file) if provider.secret_file else None
        if name in doors:
            yield _provider(name, provider, len(provider.webhook_secrets) + len(file.kept if file else ()))
        else:
            yield _asked_only(name, provider)
        if file and file.is_open_to_others():
            yield warning("secrets", f"others can read {file.path}", f"`chmod 600 {file.path}`")


def _provider(name: str, provider: Provider, secrets: int) -> Finding:
    key = f"[providers.{name}]"
    if not secrets:
        how = "`tracker webhooks register` makes one" if provider.secret_file else f"give {key} webhook_secrets"
        return problem("providers", f"{name} has no secret: each of its webhooks is refused", how)
    if not provider.api_key.get_secret_value():
        return warning("providers", f"{name} has no key: it is never asked for anything", f"give {key} api_key")
    return ok("providers", f"{name}: {counted(secrets, 'secret')}, and a key for its API")


def _asked_only(name: str, provider: Provider) -> Finding:
    if not provider.api_key.get_secret_value():
        how = f"give [providers.{name}] api_key"
        return problem("providers", f"{name} sends no webhooks, and without a key it is never asked", how)
    return ok("providers", f"{name}: a key for its API; it sends no webhooks, so it is asked")


def _outbound(settings: Settings) -> Iterator[Finding]:
    try:
        build_outbound(settings)
    except Misconfigured as error:
        yield problem("outbound", str(error), "put it right: the service does not start before")
    for fault in unreachable(settings):
        yield warning("outbound", str(fault), "put it right: until then, whatever goes there ends dead, as blocked")


def _disk(settings: Settings) -> Iterator[Finding]:
    """Only where the database is here too."""
    if settings.database.url.get_secret_value():
        return
    folder = settings.database.data_dir.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    yield _room(folder, shutil.disk_usage(there).free)


def _room(folder: Path, free: int) -> Finding:
    unit = GIBIBYTE if free > GIBIBYTE else MEBIBYTE
    found = f"{format_size(free // unit * unit)} are free for {folder}"
    if free < VERY_LITTLE:
        return problem("disk", found, "make room now: without any, webhooks are answered 503")
    if free < LITTLE:
        return warning("disk", found, "make room, or let [retention] keep less")
    return ok("disk", found)


WIDTH = 14
PATIENCE = 15.0


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
        say(_summary(findings))
    if any(finding.verdict is Verdict.PROBLEM for finding in findings):
        raise typer.Exit(FOUND_PROBLEMS)


def _examine(config: Path | None) -> Iterator[Finding]:

    try:
        settings = open_settings(config, anywhere=True)
    except Misconfigured as error:
        for fault in (error, *getattr(error, "__notes__", ())):
            yield problem("config", str(fault), "put it right; nothing else can be looked at before")
        return
    yield _config(config or Path("config.toml"))
    yield from _left_out(settings)
    yield from examine_here(settings)
    yield from _examine_database(settings)


def _config(file: Path) -> Finding:
    if not file.exists():
        return warning("config", f"there is no {file}: every setting has its default", "`tracker init` writes one")
    return ok("config", str(file))


def _left_out(settings: Settings) -> Iterator[Finding]:
    """Channels and endpoints that are set up wrongly."""
    from tracker.act.performers.channels import usable  # noqa: PLC0415  (takes half a second)

    for faults in usable(settings).left_out.values():
        for fault in faults:
            yield problem("config", str(fault), "put it right: until then nothing is sent there, and the rest works")


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


def _summary(findings: list[Finding]) -> str:
    many = {kind: sum(finding.verdict is kind for finding in findings) for kind in Verdict}
    parts = [counted(many[kind], kind) for kind in (Verdict.PROBLEM, Verdict.WARNING) if many[kind]]
    return ", ".join(parts) or "nothing is wrong"
