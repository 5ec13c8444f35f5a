"""`tracker mcp`: the questions and commands of the API for assistants, by the Model Context Protocol."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from tracker.cli import app
from tracker.cli.output import say
from tracker.cli.remote import opened_api, reached
from tracker.errors import Misconfigured

Service = Annotated[str, typer.Option("--url", help="Where the service is.")]
Http = Annotated[
    str | None,
    typer.Option(
        "--http", metavar="[HOST:]PORT", help="Answer over HTTP there, under /mcp; each request brings its own key."
    ),
]


@app.command()
def mcp(url: Service = "http://127.0.0.1:8000", http: Http = None) -> None:
    """Answer an assistant on standard input and output, with what the key in TRACKER_KEY reaches; or over HTTP."""
    try:
        from tracker.cli import assistant_tools  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError as error:
        raise Misconfigured(f'is not installed: install tracker with its extra "mcp" ({error})', key="mcp") from error

    async def answer() -> None:
        async with opened_api(url) as api:
            await assistant_tools.server(lambda: api).run_stdio_async()

    asyncio.run(answer() if http is None else _answer_over_http(url, *_address(http)))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004  (the last port)
        raise typer.BadParameter(f'"{text}" is no port, and no host and port as in 127.0.0.1:8765', param_hint="--http")
    return host.strip("[]") or "127.0.0.1", int(port)


async def _answer_over_http(url: str, host: str, port: int) -> None:
    from tracker.cli.assistant_tools import over_http  # noqa: PLC0415  (an extra)
    from tracker.runtime.http_server import Front, Server, claimed, configured, listening  # noqa: PLC0415  (a while)

    def fault(_key: str, message: str) -> Exception:
        return Misconfigured(message, key="--http")

    with claimed(host, port, fault) as door:
        async with reached(url) as with_key, over_http(with_key) as answers:
            server = Server(configured(answers, Front()), lambda: None)
            for how in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(how, server.stop)
            taken = listening(door, fault)
            shown = door.getsockname()
            host = f"[{shown[0]}]" if ":" in shown[0] else shown[0]
            say(f"http://{host}:{shown[1]}/mcp answers for {url}; Ctrl-C ends it", aside=True)
            await server.serve([taken])
