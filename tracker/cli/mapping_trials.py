"""`tracker providers trial`: how the posts of the last days would stand with a changed mapping, before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import FOUND_PROBLEMS
from tracker.cli.context import Json, now, on_database, read_settings, require_configured
from tracker.cli.output import counted, explained, progress, say, show_json, written
from tracker.cli.providers import Name, providers
from tracker.errors import Misconfigured, Rejected, did_you_mean
from tracker.parameters import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tracker.process.mapping_trial import Differing, Outcome, Stand
    from tracker.providers.base import Provider
    from tracker.settings import Settings
    from tracker.store.database import Database

FEW = 20


@providers.command()
def trial(
    name: Name,
    since: Annotated[str, typer.Option(help="How long ago it begins, as in 7d, or a time.")] = "7d",
    config: Annotated[
        Path | None,
        typer.Option(help="The file with the changed [providers.NAME]; the configuration itself if not named."),
    ] = None,
    json: Json = False,
) -> None:
    """Fold the posts of the last days again with a changed mapping, and tell which would stand otherwise."""
    begin = _moment(since)
    changed = read_settings(config)
    door = _door(changed, name)

    async def work(settings: Settings, database: Database) -> tuple[datetime, Outcome]:
        from tracker.facts.codec import fact_readers  # noqa: PLC0415  (takes half a second)
        from tracker.process.mapping_trial import Tried, as_far_as_folded, attempt  # noqa: PLC0415  (as above)
        from tracker.providers import build_providers  # noqa: PLC0415  (as above)

        readers = fact_readers({**build_providers(settings), name: door})
        until = await as_far_as_folded(database, now())
        with progress("folding again") as tell:
            return until, await attempt(database, Tried(name, readers, begin, until), tell)

    until, found = on_database(_installation(config), work)
    if json:
        show_json(_out(name, begin, until, found))
    else:
        _show(name, begin, found)
    if found.unreadable:
        raise typer.Exit(FOUND_PROBLEMS)


def _installation(config: Path | None) -> Path | None:
    """Where the database is named: the configuration that every command finds, or else the changed one."""
    try:
        require_configured(None)
    except Misconfigured:
        return config
    return None


def _door(settings: Settings, name: str) -> Provider:
    """Who reads its webhooks, as the file has it."""
    from tracker.providers import build_providers  # noqa: PLC0415  (takes half a second)

    if name not in settings.providers:
        known = sorted(settings.providers)
        near = did_you_mean(name, known) or (f"; there is {', '.join(known)}" if known else "")
        raise settings.fault(f"providers.{name}", f"there is no such provider{near}")
    doors = build_providers(settings)
    if name not in doors:
        raise settings.fault(f"providers.{name}.webhook", "it sends no webhooks, so nothing of the past is read anew")
    return doors[name]


def _moment(since: str) -> datetime:
    at = now()
    try:
        begin = parse_time("since", since, at)
    except Rejected as error:
        raise typer.BadParameter(str(error), param_hint="--since") from error
    if begin >= at:
        raise typer.BadParameter("must be in the past", param_hint="--since")
    return begin


def _show(name: str, begin: datetime, found: Outcome) -> None:
    say(f"{name} since {written(begin)}: {counted(found.posts, 'post')} folded again, and nothing written", aside=True)
    say(f"{counted(found.same, 'post')} as now, {found.different} otherwise")
    for one in found.differing[:FEW]:
        say(one.post)
        for what, before, after in differences(one):
            say(f"  {what}: {before} -> {after}")
    if found.different > FEW:
        say(f"and {found.different - FEW} more, of which --json lists {len(found.differing) - FEW}")
    if found.unreadable:
        say(f"{counted(found.unreadable, 'post')} beyond reading, as {found.error}", aside=True)


def differences(one: Differing) -> Iterator[tuple[str, str, str]]:
    """What is otherwise of a post: what it is, how it stands, and how it would."""
    before, after = dict(_lines(one.before)), dict(_lines(one.after))
    for what in dict.fromkeys((*before, *after)):
        if before.get(what) != after.get(what):
            yield what, written(before.get(what)), written(after.get(what))


def _lines(stand: Stand | None) -> Iterator[tuple[str, object]]:
    """How a post stands, line by line."""
    if stand is None:
        yield "post", "none"
        return
    yield "state", stand.state
    for name in ("attempt", "scheduled_at", "published_at", "failed_at"):
        yield name, getattr(stand, name)
    yield "error", explained(stand.problem)
    for target in stand.targets:
        yield target.key, target.state
        yield f"{target.key} url", target.url
        yield f"{target.key} error", explained(target.problem)


def _out(name: str, begin: datetime, until: datetime, found: Outcome) -> dict[str, Any]:
    return {
        "provider": name, "since": begin, "until": until, "posts": found.posts, "same": found.same,
        "different": found.different, "unreadable": found.unreadable, "error": found.error or None,
        "differing": [{"post": one.post, "before": one.before, "after": one.after} for one in found.differing],
    }  # fmt: skip
