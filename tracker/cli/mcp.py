"""`tracker mcp`: the questions and commands of the API for assistants, by the Model Context Protocol."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tracker.cli import app
from tracker.cli.remote import opened_api
from tracker.errors import Misconfigured

Service = Annotated[str, typer.Option("--url", help="Where the service is; the key is in TRACKER_KEY.")]


@app.command()
def mcp(url: Service = "http://127.0.0.1:8000") -> None:
    """Answer an assistant on standard input and output, with what the key in TRACKER_KEY reaches."""
    try:
        from tracker.cli.assistant_tools import server  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError as error:
        raise Misconfigured(f'is not installed: install tracker with its extra "mcp" ({error})', key="mcp") from error

    async def answer() -> None:
        async with opened_api(url) as api:
            await server(api).run_stdio_async()

    asyncio.run(answer())
