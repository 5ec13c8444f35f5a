"""`tracker init`: a folder to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracker.cli import app
from tracker.cli.context import Json
from tracker.cli.output import say, show_json, write_text
from tracker.errors import Misconfigured

CHANNEL = """
# Where rules/first.toml says what it has to say: our own log. A better place is a channel like the one above.
[channels.log]
kind = "log"
"""

RULE = """\
# A first rule: say so when a post hangs. `tracker rules check` finds what is wrong with this folder, and
# `tracker rules test` plays the timeline below: > happens, < must happen, ! must not.
[rule.stuck-publishing]
while = { state = "publishing" }
for   = "15m"
do    = [{ alert = "log", title = "{{ post.id }} has been publishing for {{ run.held }}", resolves = true }]

[[test]]
rule     = "stuck-publishing"
name     = "people are told when a post hangs, and when it no longer does"
timeline = '''
0s     >  post.publishing
14m    !  alert
15m    <  alert log   title="p1 has been publishing for 15m"
20m    >  post.published
20m    <  alert log   resolved=true
'''
"""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to; it is made if it is not there.")] = Path(),
    json: Json = False,
) -> None:
    """Write a commented config.toml and a first rule with its test; nothing is ever overwritten."""
    from tracker.settings.commented import commented_config  # noqa: PLC0415  (takes a third of a second)

    files = {
        folder / "config.toml": commented_config() + CHANNEL,
        folder / "rules" / "first.toml": RULE,
    }
    for file in files:
        if file.exists():
            raise Misconfigured("exists already, and is not overwritten", file=str(file))
    for file, text in files.items():
        write_text(file, text, anew=True)
        say(f"wrote {file}", aside=json)
    if json:
        show_json({"written": [str(file) for file in files]})
        return
    say("next: name a provider in config.toml, then `tracker serve`; `tracker doctor` says what is still missing")
