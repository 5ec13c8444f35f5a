"""`tracker providers`: what payloads usually look like, and how posts would stand with a changed mapping."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import (
    Config,
    Json,
    ask,
    known_words,
    now,
    on_database,
    open_settings,
    read_settings,
    require_configured,
)
from tracker.cli.output import counted, explained, progress, say, show_json, show_list, show_table, written
from tracker.errors import BadParameter, Misconfigured, NotFound, did_you_mean
from tracker.parameters import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tracker.domain.drift.usual import Tally, Usual
    from tracker.process.mapping_trial import Differing, Outcome, Stand
    from tracker.providers.base import Provider
    from tracker.settings import Settings
    from tracker.store.database import Database

providers = noun("providers", "What providers send: what is usual, and how else it could be read.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As in [providers.<name>].")]
COLUMNS = ("path", "read as", "in", "types", "words")


@providers.command()
def shapes(
    name: Name,
    event: Annotated[str | None, typer.Option(help="Only events of this name.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """What is usual of each event: the paths of its payloads, how often, of which types, and words for states."""
    from tracker.providers import build_providers  # noqa: PLC0415  (takes half a second)
    from tracker.providers.watched import watching  # noqa: PLC0415  (as above)
    from tracker.store.drift import drifts as store  # noqa: PLC0415  (as above)

    settings = open_settings(config)
    known_words("NAME", [name], sorted(settings.providers))
    events = ask(config, lambda conn: store.usual_of(conn, name))
    if event and event not in events:
        known = f"{did_you_mean(event, events)}; known: {written([*events])}"
        raise NotFound(f'no event "{event}" of {name} is known{known}')
    door = build_providers(settings).get(name)
    watched = watching(settings, name, door) if door else None
    shown = [_shape(kind, usual, watched(kind)) for kind, usual in events.items() if watched and event in (None, kind)]
    if json:
        show_list(shown)
        return
    for shape in shown:
        _show(shape)
    if not shown:
        say(f"nothing is known yet of what {name} sends: [jobs.drift] learns it from the log")


def _shape(event: str, usual: Usual, watched: Any) -> dict[str, Any]:
    """What is known of one event."""
    from tracker.domain.drift.usual import total  # noqa: PLC0415  (as above)

    tally: Tally = total((usual.month(watched), usual.lately(watched)), watched)
    read = {path: place for place, paths in watched.places.items() for path in paths}
    return {
        "event": event,
        "events": tally.events,
        "first_at": usual.first_at,
        "last_at": usual.last_at,
        "paths": [
            {
                "path": path, "name": read.get(path), "share": round(tally.share(path), 4),
                "types": {kind: number for kind, number in sorted(tally.paths[path].items()) if kind},
                "words": dict(sorted(tally.words_at(path).items())),
            }
            for path in sorted(tally.paths)
        ],
    }  # fmt: skip


def _show(shape: dict[str, Any]) -> None:
    say(f"{shape['event']}: {counted(shape['events'], 'event')} looked at, the last at {written(shape['last_at'])}")
    rows = []
    for path in shape["paths"]:
        words = [f"{word} {number}" for word, number in path["words"].items()]
        rows.append((path["path"], path["name"], f"{path['share']:.0%}", list(path["types"]), words))
    show_table(COLUMNS, rows)


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
    begin = parse_time("since", since, now())
    if begin >= now():
        raise BadParameter("since", "must be in the past")
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
        _show_trial(name, begin, found)
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


def _show_trial(name: str, begin: datetime, found: Outcome) -> None:
    say(f"{name} since {written(begin)}: {counted(found.posts, 'post')} folded again, and nothing written", aside=True)
    say(f"{counted(found.same, 'post')} as now, {found.different} otherwise")
    for differing in found.differing[:FEW]:
        say(differing.post)
        for what, before, after in differences(differing):
            say(f"  {what}: {before} -> {after}")
    if found.different > FEW:
        say(f"and {found.different - FEW} more, of which --json lists {len(found.differing) - FEW}")
    if found.unreadable:
        say(f"{counted(found.unreadable, 'post')} beyond reading, as {found.error}", aside=True)


def differences(post: Differing) -> Iterator[tuple[str, str, str]]:
    """What is otherwise of a post: what it is, how it stands, and how it would."""
    before, after = dict(_lines(post.before)), dict(_lines(post.after))
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
