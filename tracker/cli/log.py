"""`tracker log`: the event log, folded anew or cut short."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import Config, Json, now, on_database
from tracker.cli.output import counted, progress, say, show_json, show_list, show_table

if TYPE_CHECKING:
    from tracker.process.rebuild import Difference
    from tracker.settings import Settings
    from tracker.store.database import Database

log = noun("log", "The event log.")

SAMPLE = ("provider", "post", "before", "after")


@log.command()
def rebuild(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only compare; exit code 1 when there is a difference.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Fold the whole log into posts anew, compare them with those in use, and switch to them.

    The service may go on meanwhile. Nothing is acted on. What is interrupted has changed nothing.
    """
    from tracker.facts.codec import fact_readers  # noqa: PLC0415  (takes half a second)
    from tracker.process.rebuild import Rebuild  # noqa: PLC0415  (as above)
    from tracker.providers import build_providers  # noqa: PLC0415  (takes half a second)

    async def work(settings: Settings, database: Database) -> Difference:
        with progress("folding events") as tell:
            readers = fact_readers(build_providers(settings))
            return await Rebuild(database, readers, now, tell).run(keep_old=dry_run)

    found = on_database(config, work)
    if json:
        show_json(_as_json(found, switched=not dry_run))
    else:
        _tell(found)
        say("nothing was switched" if dry_run else f"switched to version {found.version}")
    if dry_run and not found.none:
        raise typer.Exit(FOUND_PROBLEMS)


@log.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which days would be dropped.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Drop days of the log, and records, that are older than [retention] keeps them; posts stay as they are.

    The scheduler does this by itself, each night.
    """
    from tracker.facts.codec import fact_readers  # noqa: PLC0415  (as above)
    from tracker.process import retention  # noqa: PLC0415  (takes half a second)
    from tracker.providers import build_providers  # noqa: PLC0415  (as above)

    async def work(settings: Settings, database: Database) -> list[date]:
        at, kept = now(), settings.retention
        if dry_run:
            return await retention.days_to_drop(database, at, kept.events)
        if not yes:
            _ask(await retention.days_to_drop(database, at, kept.events))
        with progress("dropping days") as tell:
            return await retention.prune(database, fact_readers(build_providers(settings)), at, kept, tell)

    days = on_database(config, work)
    if json:
        show_list(days)
    else:
        say(f"{'would drop' if dry_run else 'dropped'} {_days(days)} of the log")


def _ask(days: list[date]) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("must be given where nobody can be asked", param_hint="--yes")
    typer.confirm(f"Drop {_days(days)} of the log, and records older than they are kept?", abort=True, err=True)


def _days(days: list[date]) -> str:
    span = f" ({days[0]} to {days[-1]})" if len(days) > 1 else f" ({days[0]})" if days else ""
    return counted(len(days), "day") + span


def _tell(found: Difference) -> None:
    say(f"{counted(found.events, 'event')} read, {counted(found.posts, 'post')}")
    if found.none:
        say("the posts in use say the same")
        return
    say(f"{found.different} different, {found.only_new} new, {found.only_old} gone; for instance:")
    show_table(SAMPLE, found.sample)


def _as_json(found: Difference, *, switched: bool) -> dict[str, object]:
    counts = {name: getattr(found, name) for name in ("events", "posts", "different", "only_new", "only_old")}
    sample = [dict(zip(SAMPLE, row, strict=True)) for row in found.sample]
    return {"version": found.version, "switched": switched, **counts, "sample": sample}
