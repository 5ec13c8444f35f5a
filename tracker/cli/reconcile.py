"""`tracker reconcile`: ask providers what is true, now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import FOUND_PROBLEMS, app
from tracker.cli.context import Config, Json, known_words, now, on_database, open_settings
from tracker.cli.output import progress, say, show_records
from tracker.cli.remote import Url, at, over
from tracker.parameters import parse_reconcile_since

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracker.cli.remote import Api
    from tracker.queries.reconciliations import ReconciliationOut
    from tracker.settings import Settings
    from tracker.store.database import Database

LOOK_EVERY = 0.5

COLUMNS = ("provider", "calls", "listed", "asked", "missing", "appended", "conflicts", "stopped")


@app.command()
def reconcile(
    since: Annotated[
        str | None, typer.Option(help="A time, or how long ago, as in 24h; where the last one stopped if not named.")
    ] = None,
    provider: Annotated[list[str] | None, typer.Option(help="Its name in the configuration; all if not named.")] = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Ask providers about what changed and what is overdue, and keep what the webhooks missed."""
    if url:
        _tell(over(url, lambda api: _asked_there(api, provider, since)), json=json)
        return
    settings = open_settings(config)
    wanted = known_words("--provider", provider or sorted(settings.providers), settings.providers)
    names = [name for name in wanted if settings.providers[name].api_key.get_secret_value()]
    for name in wanted:
        if name not in names:
            say(f"skipped {name}: without [providers.{name}] api_key it cannot be asked", aside=True)
    if not names:
        say("there is nobody to ask: no [providers.<name>] has an api_key", aside=True)
        raise typer.Exit(FOUND_PROBLEMS)
    begin = parse_reconcile_since("since", since, now()) if since else None
    rows = on_database(config, lambda settings, database: _asked(settings, database, names, begin), makes=True)
    _tell(rows, json=json)
    if provider and len(names) < len(wanted):
        raise typer.Exit(FOUND_PROBLEMS)


def _tell(rows: Sequence[ReconciliationOut], *, json: bool) -> None:
    rounds = [{name: getattr(row, name) for name in ("id", *COLUMNS)} for row in rows]
    show_records(rounds, COLUMNS, json=json)
    if any(row["stopped"] for row in rounds):
        raise typer.Exit(FOUND_PROBLEMS)


async def _asked_there(api: Api, providers: Sequence[str] | None, since: str | None) -> list[ReconciliationOut]:
    """One round for each provider, done by the service, and awaited."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes half a second)
    from tracker.queries.reconciliations import ReconciliationOut  # noqa: PLC0415  (as above)

    rounds: list[ReconciliationOut] = []
    with progress("asking") as tell:
        for asked in [{"provider": name, "since": since} for name in providers or ()] or [{"since": since}]:
            rounds += (await api.post("/reconciliations", Page[ReconciliationOut], asked)).items
        for place, begun in enumerate(rounds):
            tell(place, len(rounds))
            while rounds[place].state != "done":
                await asyncio.sleep(LOOK_EVERY)
                rounds[place] = await api.get(at("reconciliations", begun.id), ReconciliationOut)
    return rounds


async def _asked(
    settings: Settings, database: Database, names: Sequence[str], begin: datetime | None
) -> list[ReconciliationOut]:
    """One round for each provider, done here unless a running service takes it first."""
    from tracker.domain.calls.call_budget import Purpose  # noqa: PLC0415  (takes half a second)
    from tracker.facts import commands  # noqa: PLC0415  (as above)
    from tracker.facts.codec import fact_readers  # noqa: PLC0415  (as above)
    from tracker.outbound.configured import build_outbound  # noqa: PLC0415  (as above)
    from tracker.providers import build_clients, build_providers  # noqa: PLC0415  (as above)
    from tracker.providers.rate_limiter import SharedRateLimiter  # noqa: PLC0415  (as above)
    from tracker.queries.reconciliations import one_reconciliation  # noqa: PLC0415  (as above)
    from tracker.reconcile.reconciler import Reconciler  # noqa: PLC0415  (as above)

    rounds: list[ReconciliationOut] = []
    async with build_outbound(settings) as outbound:
        clients = build_clients(settings, outbound, SharedRateLimiter(database, settings))
        asking = Reconciler(
            database,
            {name: client.on_behalf_of(Purpose.OPERATION) for name, client in clients.items()},
            fact_readers(build_providers(settings)),
            settings.jobs.reconciling,
            now,
        )
        with progress("asking") as tell:
            for place, name in enumerate(names):
                tell(place, len(names))
                async with database.transaction() as conn:
                    wanted = await commands.ask_providers(conn, [name], begin, "command line", now())
                for round_id in wanted:
                    await asking.finish(round_id)
                    async with database.connection() as conn:
                        rounds.append(await one_reconciliation(conn, round_id))
    return rounds
