"""`tracker runs`: the steps of rules that are under way, and the acknowledging of what they have told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Cursor, Json, Limit, Provider, ask, now, on_database
from tracker.cli.output import say, show_json, show_page

if TYPE_CHECKING:
    from tracker.domain.runs.run import Run
    from tracker.queries.runs import RunOut
    from tracker.settings import Settings
    from tracker.store.database import Database

runs = noun("runs", "The runs of rules.")


@runs.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="One, or several with commas or repeated.")] = None,
    rule: Annotated[str | None, typer.Option(help="The rule's id.")] = None,
    post: Annotated[str | None, typer.Option(help="The post's id.")] = None,
    provider: Provider = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Runs, the newest first: how far each has come, and whether somebody may acknowledge what it has told."""
    from tracker.queries.runs import RunQuery, list_runs  # noqa: PLC0415  (takes a third of a second)

    query = RunQuery.parse(now(), state=state, rule=rule, provider=provider, post=post)
    page = ask(config, lambda conn: list_runs(conn, query, cursor, limit))
    show_page(page, ("id", "rule", "post", "state", "step", "phase", "unacknowledged", "started at"), _row, json=json)


def _row(run: RunOut) -> tuple[object, ...]:
    return (run.id, run.rule, run.post, run.state, run.step, run.phase, run.unacknowledged, run.started_at)


@runs.command()
def acknowledge(
    run: Annotated[UUID, typer.Argument(metavar="ID", help="The run's id, as `tracker runs list` shows it.")],
    config: Config = None,
    json: Json = False,
) -> None:
    """Say that somebody sees to what it has told: it goes on, and repeats no alert."""
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)

    async def work(_: Settings, database: Database) -> Run:
        async with database.transaction() as conn:
            return await commands.acknowledge(conn, run, "command line", now())

    told = on_database(config, work)
    if json:
        show_json({"id": told.id, "rule": told.rule})
    else:
        say(f"acknowledged what {told.rule} has told")
