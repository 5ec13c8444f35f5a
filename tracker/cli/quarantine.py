"""`tracker quarantine`: what could not be taken into the log, and what becomes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.opening import Config, Json, as_options, known_words, now, on_database
from tracker.cli.showing import progress, say, show_list, show_table
from tracker.errors import NotFound, Rejected
from tracker.parameters import moment

if TYPE_CHECKING:
    from tracker.receive.quarantine_replay import Replay
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database, Row

quarantine = noun("quarantine", "Deliveries that could not be taken into the log.")

STATES = ("held", "replayed", "discarded", "any")
COLUMNS = ("id", "provider", "reason", "authentic", "received_at", "state", "delivery")
SHOWN = ("id", "provider", "reason", "received_at")
LARGEST = 2**63 - 1
PAGE = 500

Find = Callable[["Connection"], Awaitable[list["Row"]]]

Items = Annotated[list[int], typer.Argument(metavar="ID...", help="As `tracker quarantine list` shows them.")]


@quarantine.command("list")
def show(
    state: Annotated[str, typer.Option(help="held, replayed, discarded or any.")] = "held",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    cursor: Annotated[int, typer.Option(help="Go on after this id: the `next` of the page before.")] = LARGEST,
    config: Config = None,
    json: Json = False,
) -> None:
    """What is there, the newest first."""
    from tracker.store.log import quarantine as store  # noqa: PLC0415  (takes half a second)

    (chosen,) = known_words("--state", [state], STATES)

    async def work(_: Settings, database: Database) -> list[Row]:
        async with database.connection() as conn:
            return await store.newest_first(conn, None if chosen == "any" else chosen, cursor, limit + 1)

    rows = on_database(config, work)
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    if json:
        show_list([_item(row) for row in rows[:limit]], following)
        return
    show_table(COLUMNS, ([row[name] for name in COLUMNS] for row in rows[:limit]))
    if following:
        say(f"there is more: --cursor {following}", aside=True)


@quarantine.command()
def replay(
    items: Annotated[
        list[int] | None, typer.Argument(metavar="[ID...]", help="As `tracker quarantine list` shows them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="In place of ids: all that are held.")] = False,
    provider: Annotated[str | None, typer.Option(help="In place of ids: those of this provider.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="In place of ids: those held for this, as signature_wrong.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="In place of ids: those that came since 2026-11-30T09:00:00Z.")] = (
        None
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of them.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Try them again, as the providers are configured now; exit code 1 when one cannot be taken still."""
    if bool(items) is (everything or any((provider, reason, since))):
        raise typer.BadParameter("give either ids, or --all, --provider, --reason or --since", param_hint="ID")
    with as_options():
        came = moment("since", since)

    async def choose(conn: Connection) -> list[Row]:
        from tracker.store.log import quarantine as store  # noqa: PLC0415  (takes half a second)

        rows = page = await store.held(conn, provider, reason, came, 0, PAGE)
        while len(page) == PAGE:
            page = await store.held(conn, provider, reason, came, page[-1]["id"], PAGE)
            rows += page
        return rows

    async def one(replay: Replay, item: int) -> tuple[str, int | None]:
        verdict = await replay.replay(item, dry_run=dry_run)
        return f"{verdict.outcome}: {verdict.reason}" if verdict.reason else verdict.outcome, verdict.position

    told = _each(config, _named(items) if items else choose, one)
    _tell(told, ("kept", "duplicate"), json, summary="would become: " if dry_run else "became: ")


@quarantine.command()
def discard(items: Items, config: Config = None, json: Json = False) -> None:
    """Give them up; they stay on record until retention drops them."""

    async def one(replay: Replay, item: int) -> tuple[str, int | None]:
        await replay.discard(item)
        return "discarded", None

    _tell(_each(config, _named(items), one), ("discarded",), json, summary="became: ")


def _named(items: list[int]) -> Find:
    """Those of the ids, whether there are such or not."""

    async def find(conn: Connection) -> list[Any]:
        from tracker.store.log import quarantine as store  # noqa: PLC0415  (takes half a second)

        return [await store.get(conn, item) or {"id": item} for item in items]

    return find


def _each(
    config: Config, find: Find, do: Callable[[Replay, int], Awaitable[tuple[str, int | None]]]
) -> list[dict[str, Any]]:
    """What became of each of them, and at which position of the log it stands where it was taken."""
    from tracker.providers import build_providers  # noqa: PLC0415  (takes half a second)
    from tracker.receive.quarantine_replay import Replay  # noqa: PLC0415  (as above)

    async def work(settings: Settings, database: Database) -> list[dict[str, Any]]:
        replay = Replay(database, build_providers(settings), now)
        async with database.connection() as conn:
            rows = await find(conn)
        told = []
        with progress("trying") as bar:
            for done, row in enumerate(rows, 1):
                try:
                    outcome, position = await do(replay, row["id"])
                except (NotFound, Rejected) as error:
                    outcome, position = str(error), None
                told.append({name: row.get(name) for name in SHOWN} | {"outcome": outcome, "position": position})
                bar(done, len(rows))
        return told

    return on_database(config, work)


def _tell(told: list[dict[str, Any]], good: tuple[str, ...], json: bool, *, summary: str) -> None:
    if json:
        show_list(told)
    else:
        show_table((*SHOWN, "outcome", "position"), ([*one.values()] for one in told))
        many = Counter(one["outcome"] for one in told)
        say(summary + (", ".join(f"{number} {outcome}" for outcome, number in many.most_common()) or "none"))
    if any(one["outcome"] not in good for one in told):
        raise typer.Exit(FOUND_PROBLEMS)


def _item(row: Row) -> dict[str, Any]:
    """The fields of the table, with what was sent."""
    return {name: row[name] for name in (*COLUMNS, "settled_at")} | {"body": row["body"].decode("utf-8", "replace")}
