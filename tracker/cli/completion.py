"""`tracker completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

from typing import Annotated

import typer

from tracker.cli import COMPLETING, app
from tracker.cli.context import known_words

SHELLS = ("bash", "zsh", "fish")


@app.command()
def completion(shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the script for a shell, as in `eval "$(tracker completion bash)"`."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415  (only where it is needed)

    known_words("SHELL", [shell], SHELLS)
    typer.echo(get_completion_script(prog_name="tracker", complete_var=COMPLETING, shell=shell))
