"""`tracker listen`: a public address for a laptop, registered at the provider for as long as it lasts."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import FOUND_PROBLEMS, app
from tracker.cli.context import Config, Json, known_words, now, on_database, open_settings
from tracker.cli.output import say, show_json, written
from tracker.cli.provider_calls import Provider, chosen_provider
from tracker.cli.tunnel import CLIENTS, tunnel, tunnel_client
from tracker.cli.webhooks import check_address, described, forget_secret, register_at, registrable, unregister
from tracker.errors import Misconfigured, TrackerError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from tracker.settings import Settings
    from tracker.store.database import Database

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, whoever ends services, and a terminal that is closed."""

LOOK_EVERY = 0.3
LATE = 200
"""By so many positions an event may become visible after a later one."""
DESCRIPTION = "tracker listen"


@app.command()
def listen(
    client: Annotated[
        str | None, typer.Option("--tunnel", help="cloudflared, ngrok or localtunnel; what is installed, if not named.")
    ] = None,
    command: Annotated[
        str | None, typer.Option(help='Any other client, with {port} for the port, as in "bore local {port} --to x".')
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Of the service; as configured, if not named.")] = (
        None
    ),
    event: Annotated[list[str] | None, typer.Option(help="What to be told of; repeat it. All, if not named.")] = None,
    provider: Provider = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Give the service on this machine a public address, register it at the provider, and show what comes.

    Ctrl-C takes the registration back; so does the end of the tunnel, which is exit code 1.
    """
    settings = open_settings(config)
    name = chosen_provider(settings, provider)
    if client:
        known_words("--tunnel", [client], CLIENTS)
    chosen, door = tunnel_client(client, command), port or settings.server.port
    events, _ = registrable(settings, name, event)
    _require_service(door)

    async def work(settings: Settings, database: Database) -> str:
        async with tunnel(chosen, door) as running, _asked_to_end() as asked:
            starting = asyncio.create_task(running.address())
            await _first(starting, asked)
            if asked.done():
                starting.cancel()
                return ""
            address = f"{starting.result()}/webhooks/{name}"
            await check_address(settings, name, address)
            for webhook in await described(settings, database, name, DESCRIPTION):
                earlier = f"{webhook} of an earlier listening is still registered"
                say(f"{earlier}: `tracker webhooks delete {webhook}`", aside=True)
            begin, first = now(), await _newest(database)
            async with _registered(settings, database, name, address, events):
                say(f"{name} sends to {address}; Ctrl-C takes it back", aside=True)
                telling = asyncio.create_task(_tell(database, name, begin, first, json=json))
                await _first(running.ended, telling, asked)
                if telling.done():
                    telling.result()
                telling.cancel()
            return "" if asked.done() else running.ended.result()

    over = on_database(config, work, makes=True)
    if over:
        say(f"the tunnel is over: {over}", aside=True)
        say(f"what {name} had to tell meanwhile is not lost: `tracker reconcile` asks for it", aside=True)
        raise typer.Exit(FOUND_PROBLEMS)


async def _first(*ends: asyncio.Future[Any]) -> None:
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)


def _require_service(port: int) -> None:
    """Raise Misconfigured where a delivery would find nobody."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError as error:
        what = f"nobody answers at 127.0.0.1:{port}: start `tracker serve` first, or name its port"
        raise Misconfigured(what, key="--port") from error


@asynccontextmanager
async def _asked_to_end() -> AsyncIterator[asyncio.Future[None]]:
    """Done when somebody wants an end; to want it a second time does not hurry what is taken back."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not asked.done():
            asked.set_result(None)

    for number in ENDS:
        loop.add_signal_handler(number, end)
    try:
        yield asked
    finally:
        for number in ENDS:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _registered(
    settings: Settings, database: Database, provider: str, url: str, events: Sequence[str]
) -> AsyncIterator[None]:
    """Registered at the provider, which is taken back at the end, whatever happens in between."""
    webhook = await register_at(settings, database, provider, url, events, DESCRIPTION)
    try:
        yield
    finally:
        try:
            await unregister(settings, database, provider, webhook)
        except TrackerError as error:
            error.add_note(f"{webhook} is still registered at {provider}: `tracker webhooks delete {webhook}`")
            raise
        forget_secret(settings, provider, webhook)
        say(f"{provider} sends nothing more there", aside=True)


async def _newest(database: Database) -> int:
    """The position of the newest event, or 0."""
    from tracker.queries.events import EventQuery, list_events  # noqa: PLC0415  (takes half a second)

    async with database.connection() as conn:
        events = (await list_events(conn, EventQuery(sort="-position"), limit=1)).items
    return events[0].position if events else 0


async def _tell(database: Database, provider: str, begin: datetime, first: int, *, json: bool) -> None:
    """A line for each delivery since then, until cancelled."""
    from tracker.queries.events import EventQuery, list_events  # noqa: PLC0415  (it is loaded by now)
    from tracker.queries.quarantine import QuarantineQuery, list_quarantine  # noqa: PLC0415  (takes half a second)

    furthest, told = first, set[tuple[str, int]]()
    while True:
        with suppress(Unavailable):
            query = EventQuery(source=provider, after=max(first, furthest - LATE))
            async with database.connection() as conn:
                came = (await list_events(conn, query, limit=500)).items
                held = (await list_quarantine(conn, QuarantineQuery(provider=provider, since=begin), limit=500)).items
            lines = [(("event", one.position), one.received_at, one.type, one.post, "in the log") for one in came]
            lines += [(("held", one.id), one.received_at, one.reason, None, "in quarantine") for one in held[::-1]]
            for key, at, what, post, where in lines:
                if key not in told:
                    told.add(key)
                    _line(at, what, post, f"{where}, {key[1]}", json=json)
            furthest = max([furthest, *(one.position for one in came)])
        await asyncio.sleep(LOOK_EVERY)


def _line(at: datetime, what: str, post: str | None, where: str, *, json: bool) -> None:
    if json:
        show_json({"at": at, "what": what, "post": post, "where": where}, on_one_line=True)
    else:
        say(f"{at:%H:%M:%S}Z  {what:<20}  {written(post):<20}  {where}")
