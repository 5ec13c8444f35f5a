"""`tracker runs`: the steps of rules under way and at their ends; acknowledged, and ended by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Cursor, Json, Limit, Provider, now, on_database
from tracker.cli.orders import BY, carry_out
from tracker.cli.output import say, show_json, show_page, show_pairs, show_table
from tracker.cli.remote import Url, asked, at, over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.queries.runs import OneRunOut, RunOut
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

runs = noun("runs", "The steps of rules, under way and at their ends.")

HEADINGS = ("id", "state", "rule", "post", "phase", "step", "unacknowledged", "tries", "why", "begun")

Ids = Annotated[list[UUID], typer.Argument(metavar="ID...", help="As `tracker runs list` shows them.")]


@runs.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="One, or several with commas or repeated.")] = None,
    rule: Annotated[str | None, typer.Option(help="The rule's id.")] = None,
    post: Annotated[str | None, typer.Option(help="The post's id.")] = None,
    since: Annotated[str | None, typer.Option(help="Begun at this time or later: 24h, 2026-11-30T09:00:00Z.")] = None,
    provider: Provider = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Runs, the newest first: how far each has come, and whether somebody may acknowledge what it has told."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes half a second)
    from tracker.queries.runs import RunOut, RunQuery, list_runs  # noqa: PLC0415  (as above)

    filters: dict[str, Any] = {"state": state, "rule": rule, "provider": provider, "post": post, "since": since}
    query = RunQuery.parse(now(), **filters)
    page = asked(
        url, config, "/runs", Page[RunOut], lambda conn: list_runs(conn, query, cursor, limit),
        **filters, limit=limit, cursor=cursor,
    )  # fmt: skip
    less = ("tries", "step", "phase", "begun", "unacknowledged", "post")
    show_page(page, HEADINGS, _row, json=json, less=less, below=("why",))


@runs.command()
def show(
    run: Annotated[UUID, typer.Argument(metavar="ID", help="As `tracker runs list` shows it.")],
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """One run: its steps, its moves, what it asked for and what it waits for."""
    from tracker.providers.rule_files import read_rules  # noqa: PLC0415  (as above)
    from tracker.queries.runs import OneRunOut, find_run, one_run  # noqa: PLC0415  (takes half a second)

    async def work(settings: Settings, database: Database) -> OneRunOut:
        async with database.connection() as conn:
            return await one_run(conn, await find_run(conn, run), read_rules(settings).rules)

    shown = over(url, lambda api: api.get(at("runs", run), OneRunOut)) if url else on_database(config, work)
    if json:
        show_json(shown)
    else:
        _tell(shown)


@runs.command()
def acknowledge(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """Say that somebody sees to what they have told: they go on, and repeat no alert."""
    _each("acknowledge", items, url, config, json=json, tell=lambda run: f"acknowledged what {run.rule} has told")


@runs.command()
def cancel(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """End them, with all that nobody has begun: those that are active or queued. It takes a moment."""
    _each("cancel", items, url, config, json=json, tell=lambda run: f"{run.rule} is about to end")


def _each(
    order: str, items: list[UUID], url: str | None, config: Path | None, *, json: bool, tell: Callable[[OneRunOut], str]
) -> None:
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.providers.rule_files import read_rules  # noqa: PLC0415  (as above)
    from tracker.queries.runs import OneRunOut, one_run  # noqa: PLC0415  (as above)

    do = {"acknowledge": commands.acknowledge, "cancel": commands.cancel_run}[order]

    async def there(api: Api, run: UUID) -> OneRunOut:
        return await api.post(at("runs", run, order), OneRunOut)

    async def here(settings: Settings, conn: Connection, run: UUID) -> OneRunOut:
        return await one_run(conn, await do(conn, run, BY, now()), read_rules(settings).rules)

    carry_out(items, url, config, there=there, here=here, tell=tell, json=json)


def _row(run: RunOut) -> tuple[object, ...]:
    return (
        run.id, run.state, run.rule, run.post or run.key, run.phase, run.step, run.unacknowledged, run.tries, run.why,
        run.started_at,
    )  # fmt: skip


def _tell(run: OneRunOut) -> None:
    names = ("id", "rule", "state", "phase", "why", "provider", "post", "target", "key", "tries", "count", "started_at",
             "updated_at", "shadow")  # fmt: skip
    show_pairs([(name.replace("_", " "), getattr(run, name)) for name in names])
    for title, headings, rows in (
        ("steps", ("step", "state", "what it does"), [(step.path, step.state, step.says) for step in run.steps]),
        ("moves", ("at", "what"), [(move.at, move.says) for move in run.moves]),
        ("asked for", ("at", "what", "state", "reason"),
         [(one.created_at, f"{one.verb} {one.target}", one.state, one.reason) for one in run.actions]),
        ("waits for", ("at", "what comes"), [(timer.due_at, timer.says) for timer in run.timers]),
    ):  # fmt: skip
        if rows:
            say(f"\n{title}")
            show_table(headings, rows)
