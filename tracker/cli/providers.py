"""`tracker providers shapes`: what the payloads of a provider usually look like, as it was learnt from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Json, known_words, on_database, open_settings
from tracker.cli.output import counted, say, show_list, show_table, written
from tracker.errors import NotFound, did_you_mean

if TYPE_CHECKING:
    from tracker.domain.drift.tally import Counts, Tally
    from tracker.domain.drift.usual import Usual
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
    from tracker.store.drift import shapes as store  # noqa: PLC0415  (as above)

    settings = open_settings(config)
    known_words("NAME", [name], sorted(settings.providers))

    async def work(_: Settings, database: Database) -> dict[str, Usual]:
        async with database.connection() as conn:
            return await store.of_provider(conn, name)

    found = on_database(config, work)
    if event and event not in found:
        raise NotFound(f'no event "{event}" of {name} is known{did_you_mean(event, found)}; known: {written([*found])}')
    door = build_providers(settings).get(name)
    told = [
        _told(one, usual, watching(settings, name, door)(one)) for one, usual in found.items() if event in (None, one)
    ] if door else []  # fmt: skip
    if json:
        show_list(told)
        return
    for one in told:
        _show(one)
    if not told:
        say(f"nothing is known yet of what {name} sends: [jobs.drift] learns it from the log")


def _told(event: str, usual: Usual, watched: Any) -> dict[str, Any]:
    """What is known of one event."""
    from tracker.domain.drift.tally import total  # noqa: PLC0415  (as above)

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
                "types": _counts(tally.paths[path]), "words": dict(sorted(tally.words_at(path).items())),
            }
            for path in sorted(tally.paths)
        ],
    }  # fmt: skip


def _counts(counts: Counts) -> Counts:
    return {kind: number for kind, number in sorted(counts.items()) if kind}


def _show(told: dict[str, Any]) -> None:
    say(f"{told['event']}: {counted(told['events'], 'event')} looked at, the last at {written(told['last_at'])}")
    rows = [
        (one["path"], one["name"], f"{one['share']:.0%}", list(one["types"]), _words(one["words"]))
        for one in told["paths"]
    ]
    show_table(COLUMNS, rows)


def _words(words: Counts) -> list[str]:
    return [f"{word} {number}" for word, number in words.items()]
