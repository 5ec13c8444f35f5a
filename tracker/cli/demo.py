"""`tracker demo`: everything on this machine, with a simulated provider, and what happens told as it happens."""

from __future__ import annotations

import asyncio
import shutil
import socket
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import app
from tracker.cli.context import now, program, taking_port
from tracker.cli.news import follow_news, of_database, show_news

if TYPE_CHECKING:
    from tracker.store.database import Database

FOLDER = Path(".tracker") / "demo"
SECRET = "whsec_of_the_demo"  # noqa: S105  (between two parts of the demo)
SPEED = 20.0

CONFIG = """# Made by `tracker demo`, anew at each start.
[server]
port = {port}
open_dashboard = true

[database]
data_dir = "."

[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "http://127.0.0.1:{provider}/v1"
api_key = "sk_simulated"
webhook_secrets = ["{secret}"]
timezone = "Europe/Istanbul"

[channels.ops]
kind = "log"

[outbound]
allow = ["127.0.0.1"]

[telemetry]
level = "error"
"""

RULES = """# The rules of the demo: as in earnest, but with pauses that one can wait for.
[rule.try-again]
on        = ["post.failed", "post.partial"]
when      = "error.retryable && post.attempt < 4"
cancel_on = ["post.published", "post.removed"]
do        = [{ retry = "publish", tries = 3, backoff = "2s x2 max 10s jitter 20%" }]
exhausted = [{ alert = "ops", title = "{{ post.id }}: gave up after {{ run.tries }} tries: {{ error.message }}" }]

[rule.tell-what-cannot-be-retried]
on   = "post.failed"
when = "!error.retryable"
do   = [{ alert = "ops", severity = "critical", title = "{{ post.id }} failed: {{ error.message }}" }]

[rule.stuck]
while = { state = "publishing" }
for   = "45s"
do    = [{ alert = "ops", title = "{{ post.id }} has been publishing for {{ run.held }}", resolves = true }]

[rule.never-started]
expect = "post.publishing"
within = "15s"
of     = "post.scheduled_at"
do     = [{ alert = "ops", title = "{{ post.id }} was due and has not begun" }]
"""


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port of the dashboard; 0 takes a free one.")] = 8000,
    rate: Annotated[float, typer.Option(min=0.01, max=50, help="New posts a second.")] = 1.0,
    seed: Annotated[str, typer.Option(help="The same seed tells the same stories.")] = "demo",
    seconds: Annotated[float, typer.Option(help="Stop by itself after so many seconds; 0 goes on until Ctrl-C.")] = 0,
) -> None:
    """Everything on this machine: an embedded Postgres, a simulated provider, and live posts."""
    from tracker.app import Role, serve  # noqa: PLC0415  (costs a second)
    from tracker.runtime.http_server import bound  # noqa: PLC0415  (as above)
    from tracker.runtime.telemetry import configure_logging  # noqa: PLC0415  (as above)
    from tracker.settings import load_settings  # noqa: PLC0415  (as above)

    with taking_port(port):
        door = bound("127.0.0.1", port)
    port, provider = door.getsockname()[1], _free_port()
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "rules").mkdir(parents=True)
    config = FOLDER / "config.toml"
    config.write_text(CONFIG.format(port=port, provider=provider, secret=SECRET))
    (FOLDER / "rules" / "demo.toml").write_text(RULES)
    settings = load_settings(config, {})
    configure_logging(settings.telemetry.format, settings.telemetry.level)
    typer.secho(f"\n  dashboard   http://127.0.0.1:{port}/", bold=True)
    typer.echo(f"  rules       {FOLDER}/rules/demo.toml\n  ask         {program()} posts list --config {config}")
    typer.echo("  stop        Ctrl-C\n")
    companion = partial(_companion, port=port, provider=provider, rate=rate, seed=seed, seconds=seconds)
    serve(settings, list(Role), companion=companion, door=door)


async def _companion(database: Database, *, port: int, provider: int, rate: float, seed: str, seconds: float) -> None:
    """The provider and the story-teller, beside the service."""
    from tracker.simulator import ROUGH, run_simulator  # noqa: PLC0415  (only the demo needs it)

    ladder = [timedelta(seconds=20)] * 20
    async with run_simulator(port=provider, seed=seed, speed=SPEED, faults=ROUGH, ladder=ladder) as simulator:
        simulator.register(f"http://127.0.0.1:{port}/webhooks/sosyalkopru", secret=SECRET)
        simulator.start_stream(rate)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds or None):
                await follow_news(of_database(database), now(), show_news, lambda _: None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
