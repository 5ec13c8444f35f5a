"""`tracker simulate`: the simulated provider by itself, to try everything out that a real one could do."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tracker.cli import app
from tracker.cli.context import known_words, taking_port
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
