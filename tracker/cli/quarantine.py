"""`tracker quarantine`: what could not be taken into the log, and what becomes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import Config, Csv, Cursor, Json, Limit, ask, known_words, now, on_database
from tracker.cli.output import progress, say, show_page, show_records
from tracker.cli.remote import Url, at, over
from tracker.errors import NotFound, Rejected

if TYPE_CHECKING:
    from tracker.cli.remote import Api
    from tracker.receive.quarantine_replay import Replay
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

quarantine = noun("quarantine", "Deliveries that could not be taken into the log.")

ANY = "any"
STATES = ("held", "replayed", "discarded", ANY)
COLUMNS = ("id", "provider", "reason", "authentic", "received_at", "times", "last_at", "state", "delivery")
SHOWN = ("id", "provider", "reason", "received_at")
PAGE = 500

Item = dict[str, Any]
Find = Callable[["Connection"], Awaitable[list[Item]]]

Items = Annotated[list[int], typer.Argument(metavar="ID...", help="As `tracker quarantine list` shows them.")]


@quarantine.command("list")
def show(
    state: Annotated[str, typer.Option(help="held, replayed, discarded or any.")] = "held",
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """What is there, the newest first; from a database also with headers and bodies as they came."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes half a second)
    from tracker.queries.quarantine import QuarantinedOut, QuarantineQuery, list_quarantine_raw  # noqa: PLC0415  (as above)

    (chosen,) = known_words("--state", [state], STATES)
    page: Page[Any]
    if url:
        states = STATES[:-1] if chosen == ANY else [chosen]
        asked = {"state": states, "limit": limit, "cursor": cursor}
        page = over(url, lambda api: api.get("/quarantine", Page[QuarantinedOut], **asked))
    else:
        query = QuarantineQuery(() if chosen == ANY else (chosen,))
        page = ask(config, lambda conn: list_quarantine_raw(conn, query, cursor, limit))
    less = ("delivery", "last_at", "authentic", "times")
    show_page(page, COLUMNS, lambda item: [getattr(item, name) for name in COLUMNS], json=json, csv=csv, less=less)


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
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Try them again, as the providers are configured now; exit code 1 when one cannot be taken still."""
    if bool(items) is (everything or any((provider, reason, since))):
        raise typer.BadParameter("give either ids, or --all, --provider, --reason or --since", param_hint="ID")

    if url:
        fitting = {"provider": provider, "reason": reason, "since": since}
        results = over(url, lambda api: _each_there(api, items, fitting, "replay", dry_run=dry_run))
        _tell(results, ("kept", "duplicate"), json, summary="would become: " if dry_run else "became: ")
        return

    async def choose(conn: Connection) -> list[Item]:
        from tracker.queries.quarantine import QuarantineQuery, oldest_held  # noqa: PLC0415  (takes half a second)

        query = QuarantineQuery.parse(now(), provider=provider, reason=reason, since=since)
        page = await oldest_held(conn, query, None, PAGE)
        items = page.items
        while page.next:
            page = await oldest_held(conn, query, page.next, PAGE)
            items += page.items
        return [{name: getattr(item, name) for name in SHOWN} for item in items]

    async def try_again(replay: Replay, item: int) -> tuple[str, int | None]:
        verdict = await replay.replay(item, dry_run=dry_run)
        return _outcome(verdict.outcome, verdict.reason), verdict.position

    results = _each(config, _named(items) if items else choose, try_again)
    _tell(results, ("kept", "duplicate"), json, summary="would become: " if dry_run else "became: ")


@quarantine.command()
def discard(items: Items, url: Url = None, config: Config = None, json: Json = False) -> None:
    """Give them up; they stay on record until retention drops them."""
    if url:
        results = over(url, lambda api: _each_there(api, items, {}, "discard", dry_run=False))
        _tell(results, ("discarded",), json, summary="became: ")
        return

    async def give_up(replay: Replay, item: int) -> tuple[str, int | None]:
        await replay.discard(item)
        return "discarded", None

    _tell(_each(config, _named(items), give_up), ("discarded",), json, summary="became: ")


async def _each_there(
    api: Api, items: list[int] | None, fitting: Mapping[str, str | None], order: str, *, dry_run: bool
) -> list[dict[str, Any]]:
    """What the API made of the deliveries of these ids, or else of all that are held and fit, the oldest first."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes half a second)
    from tracker.queries.quarantine import OneQuarantinedOut, QuarantinedOut, VerdictOut  # noqa: PLC0415  (as above)

    chosen = items or [one.id for one in await api.all("/quarantine", Page[QuarantinedOut], **fitting)][::-1]
    results = []
    with progress("trying") as bar:
        for done, item in enumerate(chosen, 1):
            row: Item = {"id": item}
            try:
                kept = await api.get(at("quarantine", item), OneQuarantinedOut)
                row = {name: getattr(kept, name) for name in SHOWN}
                verdict = await api.post(at("quarantine", item, order), VerdictOut, dry_run=dry_run)
                outcome, position = _outcome(verdict.outcome, verdict.reason), verdict.position
            except (NotFound, Rejected) as error:
                outcome, position = str(error), None
            results.append({name: row.get(name) for name in SHOWN} | {"outcome": outcome, "position": position})
            bar(done, len(chosen))
    return results


def _outcome(outcome: str, reason: str | None) -> str:
    return f"{outcome}: {reason}" if reason else outcome


def _named(items: list[int]) -> Find:
    """What finds the deliveries of these ids, whether they are there or not."""

    async def find(conn: Connection) -> list[Item]:
        from tracker.store.log.quarantine import get  # noqa: PLC0415  (takes half a second)

        found: list[Item] = []
        for item in items:
            try:
                kept = await get(conn, item)
                found.append({name: getattr(kept, name) for name in SHOWN})
            except NotFound:
                found.append({"id": item})
        return found

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
        results = []
        with progress("trying") as bar:
            for done, row in enumerate(rows, 1):
                try:
                    outcome, position = await do(replay, row["id"])
                except (NotFound, Rejected) as error:
                    outcome, position = str(error), None
                results.append({name: row.get(name) for name in SHOWN} | {"outcome": outcome, "position": position})
                bar(done, len(rows))
        return results

    return on_database(config, work)


def _tell(results: list[dict[str, Any]], good: tuple[str, ...], json: bool, *, summary: str) -> None:
    show_records(results, (*SHOWN, "outcome", "position"), json=json)
    if not json:
        many = Counter(result["outcome"] for result in results)
        say(summary + (", ".join(f"{number} {outcome}" for outcome, number in many.most_common()) or "none"))
    if any(result["outcome"] not in good for result in results):
        raise typer.Exit(FOUND_PROBLEMS)
