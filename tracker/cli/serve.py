"""`tracker serve` and `tracker simulate`: run the service, or the simulated provider by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Annotated, NoReturn

import typer

from tracker.cli import app
from tracker.cli.context import Config, known_words, taking_port
from tracker.cli.output import show_pairs


@app.command()
def simulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port on this machine; 0 takes a free one.")] = 9100,
    speed: Annotated[float, typer.Option(min=0.1, max=10_000, help="How many times as fast posts go as in life.")] = 20,
    kind: Annotated[str, typer.Option(help="Whose webhooks it sends, as in zernio; its API is the same for all.")] = (
        "sosyalkopru"
    ),
    seed: Annotated[str, typer.Option(help="The same seed lives the same life.")] = "0",
    rough: Annotated[bool, typer.Option("--rough", help="Deliveries are repeated, late and lost, as in life.")] = False,
) -> None:
    """A publishing provider on this machine, which publishes nothing anywhere; Ctrl-C ends it."""
    try:
        with taking_port(port):
            asyncio.run(_run(port, speed, kind, seed, rough=rough))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _run(port: int, speed: float, kind: str, seed: str, *, rough: bool) -> None:
    from tracker.simulator import DIALECTS, ROUGH, run_simulator  # noqa: PLC0415  (takes half a second)

    (dialect,), faults = known_words("--kind", [kind], list(DIALECTS)), ROUGH if rough else None
    async with run_simulator(port=port, speed=speed, dialect=dialect, seed=seed, faults=faults) as simulator:
        show_pairs([("api_url", simulator.url), ("api_key", simulator.api_key)])
        await asyncio.Event().wait()


@app.command()
def serve(
    config: Config = None,
    role: Annotated[
        list[str] | None, typer.Option(help="receiver, api, worker or scheduler; may be repeated; all if not named.")
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate", help="Bring the database's schema up to date first.")] = False,
) -> None:
    """Run the service: all roles in one process, or the roles named."""
    signal.signal(signal.SIGTERM, _end)
    from tracker.app import Role, serve  # noqa: PLC0415  (costs a second)
    from tracker.runtime.telemetry import configure_logging  # noqa: PLC0415  (as above)
    from tracker.settings import load_settings  # noqa: PLC0415  (as above)

    roles = known_words("--role", role or list(Role), list(Role))
    settings = load_settings(config, os.environ)
    configure_logging(settings.telemetry.format, settings.telemetry.level)
    serve(settings, [Role(name) for name in roles], migrate=migrate)


def _end(*_: object) -> NoReturn:
    """Undo what has been begun, until the service takes the signal itself: a Postgres of ours is not left behind."""
    raise SystemExit(0)
