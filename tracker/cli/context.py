"""What most commands begin with: the settings, and the database that they name."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

import tracker
from tracker.errors import Misconfigured, did_you_mean
from tracker.runtime.logger import configure_when_logged

if TYPE_CHECKING:
    from tracker.queries.as_of import Past
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

Result = TypeVar("Result")

CONNECTIONS = 4

_SETTING = re.compile(r"TRACKER_[A-Z0-9_]+__[A-Z0-9_]+", re.IGNORECASE)

Config = Annotated[
    Path | None,
    typer.Option("--config", envvar="TRACKER_CONFIG", help="The configuration; ./config.toml if not named."),
]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Csv = Annotated[bool, typer.Option("--csv", help="For spreadsheets.")]
Provider = Annotated[str | None, typer.Option(help="The provider's name in the configuration.")]
Limit = Annotated[int, typer.Option(min=1, max=500, help="How many at most.")]
Cursor = Annotated[str | None, typer.Option(help="Go on after this: the `next` of the page before.")]


def now() -> datetime:
    """The time, for everything that a command does."""
    return datetime.now(UTC)


def open_settings(config: Path | None, *, anywhere: bool = False) -> Settings:
    """The settings, with only warnings in the log: what a command has to say is its answer.

    Raises Misconfigured where nothing is configured, unless that is fine `anywhere`.
    """
    settings = read_settings(config, anywhere=anywhere)
    configure_when_logged(settings.telemetry.format, "warning")
    return settings


def past_of(settings: Settings) -> Past:
    """The past, as those tell it who read the sources of the log."""
    from tracker.facts.codec import fact_readers  # noqa: PLC0415  (only where the past is asked for)
    from tracker.providers import build_providers  # noqa: PLC0415  (as above)
    from tracker.queries.as_of import Past  # noqa: PLC0415  (as above)

    return Past(fact_readers(build_providers(settings)))


def read_settings(config: Path | None, *, anywhere: bool = False) -> Settings:
    """The settings, for what logs nothing; raises as `open_settings` does."""
    from tracker.settings import load_settings  # noqa: PLC0415  (takes a tenth of a second)

    if not anywhere:
        require_configured(config)
    return load_settings(config, os.environ)


def require_configured(config: Path | None) -> None:
    """Raise Misconfigured in a folder where nothing is configured: whoever asks there would believe what is not so."""
    here = Path.cwd() / "config.toml"
    variables = os.environ.get("TRACKER_CONFIG") or any(map(_SETTING.fullmatch, os.environ))
    if config is None and not variables and not here.exists():
        how = "name one by --config PATH or TRACKER_CONFIG, or let `tracker init` write one"
        raise Misconfigured(f"there is no config.toml here (looked in {here.parent}): {how}")


def on_database(
    config: Path | None, work: Callable[[Settings, Database], Awaitable[Result]], *, makes: bool = False
) -> Result:
    """What the work comes to on the database, which an embedded server is started for where none runs.

    Only a command that `makes` something makes a database that is not there yet. Raises Misconfigured when the schema
    is not this version's, and Unavailable when nobody answers, or there is no database.
    """
    from tracker.embedded.server import opened, postgres, require_made  # noqa: PLC0415  (as above)
    from tracker.runtime import tuning  # noqa: PLC0415  (as above)

    settings = open_settings(config)
    if not makes:
        require_made(settings)

    async def run(dsn: str, migrate: bool) -> Result:
        async with opened(dsn, migrate=migrate, size=CONNECTIONS, patience=0) as database:
            return await work(settings, database)

    with postgres(settings) as (dsn, embedded):
        return tuning.run(run(dsn, embedded is not None))


def ask(config: Path | None, question: Callable[[Connection], Awaitable[Result]], *, makes: bool = False) -> Result:
    """What one question comes to on a connection; `makes` and errors as of `on_database`."""

    async def work(_: Settings, database: Database) -> Result:
        async with database.connection() as conn:
            return await question(conn)

    return on_database(config, work, makes=makes)


def program() -> str:
    """How this command line is called: ./run from within a checkout, by the way there, and elsewhere tracker."""
    script = Path(tracker.__file__).parents[1] / "run"
    if not script.is_file():
        return "tracker"
    way = os.path.relpath(script)
    return way if way.startswith("..") else f"./{way}"


@contextmanager
def taking_port(port: int) -> Iterator[None]:
    """A port that is taken is an option used wrongly, and this is how another one is chosen."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise typer.BadParameter(f"port {port}: {error.strerror}", param_hint="--port") from error
        again = " ".join((program(), *sys.argv[1:2], "--port 0"))
        raise typer.BadParameter(f"{port} is taken: `{again}` takes a free one", param_hint="--port") from error


def known_words(option: str, given: Sequence[str], known: Collection[str]) -> Sequence[str]:
    """The words given to an option, of which every one must be known."""
    for word in given:
        if word not in known:
            what = f'"{word}" is not known{did_you_mean(word, known)}; known: {", ".join(known)}'
            raise typer.BadParameter(what, param_hint=option)
    return given
