"""What the doctor finds out without the database: rules, providers, ways out, and room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tracker.cli.output import counted
from tracker.errors import Misconfigured
from tracker.outbound.configured import build_outbound, unreachable
from tracker.providers import build_providers
from tracker.providers.rule_files import read_rules
from tracker.providers.secret_file import SecretFile
from tracker.queries.checks import ok, problem, warning
from tracker.rulebook.test_runner import run_tests
from tracker.settings.values import format_size

if TYPE_CHECKING:
    from tracker.queries.checks import Check
    from tracker.settings import Provider, Settings

MEBIBYTE, GIBIBYTE = 2**20, 2**30
LITTLE, VERY_LITTLE = 5 * GIBIBYTE, 512 * MEBIBYTE


def examine_here(settings: Settings) -> Iterator[Check]:
    """What there is to say about the settings and this machine."""
    yield from _rules(settings)
    yield from _providers(settings)
    yield from _outbound(settings)
    yield from _disk(settings)


def _rules(settings: Settings) -> Iterator[Check]:
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


def _providers(settings: Settings) -> Iterator[Check]:
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


def _provider(name: str, provider: Provider, secrets: int) -> Check:
    key = f"[providers.{name}]"
    if not secrets:
        how = "`tracker webhooks register` makes one" if provider.secret_file else f"give {key} webhook_secrets"
        return problem("providers", f"{name} has no secret: each of its webhooks is refused", how)
    if not provider.api_key.get_secret_value():
        return warning("providers", f"{name} has no key: it is never asked for anything", f"give {key} api_key")
    return ok("providers", f"{name}: {counted(secrets, 'secret')}, and a key for its API")


def _asked_only(name: str, provider: Provider) -> Check:
    if not provider.api_key.get_secret_value():
        how = f"give [providers.{name}] api_key"
        return problem("providers", f"{name} sends no webhooks, and without a key it is never asked", how)
    return ok("providers", f"{name}: a key for its API; it sends no webhooks, so it is asked")


def _outbound(settings: Settings) -> Iterator[Check]:
    try:
        build_outbound(settings)
    except Misconfigured as error:
        yield problem("outbound", str(error), "put it right: the service does not start before")
    for fault in unreachable(settings):
        yield warning("outbound", str(fault), "put it right: until then, whatever goes there ends dead, as blocked")


def _disk(settings: Settings) -> Iterator[Check]:
    """Only where the database is here too."""
    if settings.database.url.get_secret_value():
        return
    folder = settings.database.data_dir.absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    yield _room(folder, shutil.disk_usage(there).free)


def _room(folder: Path, free: int) -> Check:
    unit = GIBIBYTE if free > GIBIBYTE else MEBIBYTE
    found = f"{format_size(free // unit * unit)} are free for {folder}"
    if free < VERY_LITTLE:
        return problem("disk", found, "make room now: without any, webhooks are answered 503")
    if free < LITTLE:
        return warning("disk", found, "make room, or let [retention] keep less")
    return ok("disk", found)
