"""The command line as people use it, in a folder with a config.toml."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import structlog

from tests.integration.told import NOON, PROVIDER
from tests.processing import NO_RULES, a_processor
from tracker.cli import main
from tracker.providers import build_providers
from tracker.receive.receiver import incoming
from tracker.settings import Settings
from tracker.store.database import Database
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracker.domain.rules.rule_index import RuleIndex
    from tracker.providers.adapter import Adapter

SECRET = "whsec_of_the_test"

CONFIG = """
[server]
port = {port}

[database]
url = "{url}"

[providers.sosyalkopru]
kind = "sosyalkopru"
api_url = "http://127.0.0.1:9/v1"
api_key = "sk_of_the_test"
webhook_secrets = ["{secret}"]
timezone = "Europe/Istanbul"

[channels.ops]
kind = "log"
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: its exit code, and what it wrote to standard output and to standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer of a command that was run with --json."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The answer's lines."""
        return self.out.splitlines()


class CommandLine:
    """Runs `tracker` in `folder`, where `configure` has put a config.toml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules = folder / "rules"
        self.rules.mkdir(exist_ok=True)

    def configure(self, url: str, port: int = 8000) -> CommandLine:
        """A provider, a channel, the database with that url, and no rules yet."""
        (self.folder / "config.toml").write_text(CONFIG.format(url=url, port=port, secret=SECRET))
        return self

    def __call__(self, *words: str, stdin: str = "", **environ: str) -> Ran:
        """Run it to its end, inside this process: it takes two seconds to load what one needs."""
        out, err = io.StringIO(), io.StringIO()
        with (
            chdir(self.folder), redirect_stdout(out), redirect_stderr(err), _logging_as_before(),
            patch.dict(os.environ, clean_environment() | environ, clear=True),
            patch.object(sys, "argv", ["tracker", *words]), patch.object(sys, "stdin", io.StringIO(stdin)),
        ):  # fmt: skip
            try:
                main()
            except SystemExit as end:
                return Ran(end.code if isinstance(end.code, int) else 0, out.getvalue(), err.getvalue())
        raise AssertionError("the command line always says how it ended")

    def alone(self, *words: str, stdin: int | None = None) -> Ran:
        """Run it to its end, as a process of its own."""
        ended = subprocess.run(
            [sys.executable, "-m", "tracker", *words], cwd=self.folder, stdin=stdin, env=clean_environment(),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        return Ran(ended.returncode, ended.stdout, ended.stderr)


@contextmanager
def _logging_as_before() -> Iterator[None]:
    """Commands say where the log goes, for their whole process."""
    root, handlers, level, configured = (
        logging.root,
        logging.root.handlers[:],
        logging.root.level,
        structlog.get_config(),
    )
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**configured)


def said(event: str, post: str, second: int, *, on: date | None = None, **data: object) -> bytes:
    """A webhook's body, about what happened so many seconds after noon."""
    at = datetime.combine(on or NOON.date(), NOON.timetz()) + timedelta(seconds=second)
    return json.dumps({"event": event, "timestamp": at.isoformat(), "data": {"postId": post, **data}}).encode()


def keep(url: str, *bodies: bytes, now: datetime) -> None:
    """Keep the webhooks as if they had come `now`."""
    provider = a_door()

    async def work() -> None:
        async with Database.open(url) as database, database.connection() as conn:
            await event_log.append(conn, [incoming(PROVIDER, provider.read({}, body), body, now) for body in bodies])

    asyncio.run(work())


def take(url: str, *bodies: bytes, now: datetime = NOON) -> None:
    """Keep the webhooks, and fold them into posts."""
    keep(url, *bodies, now=now)
    follow(url, now=now)


def follow(url: str, *, now: datetime, rules: RuleIndex = NO_RULES) -> None:
    """Fold what has been kept, and let the rules see it, as the service does."""

    async def work() -> None:
        async with Database.open(url) as database:
            node = await a_processor(database, {PROVIDER: a_door()}, clock=lambda: now, rules=rules)
            async with database.transaction() as conn:
                await node.reactor.arm_standing(conn)
            await node.tend()
            await node.drain()
            await node.leave()

    asyncio.run(work())


def a_door() -> Adapter:
    """The one provider."""
    configured = {PROVIDER: {"kind": PROVIDER, "api_url": "http://127.0.0.1:9/v1"}}
    return build_providers(Settings.model_validate({"providers": configured}))[PROVIDER]


def execute(url: str, statement: str) -> None:
    """Do something to the database behind everybody's back."""

    async def work() -> None:
        async with Database.open(url) as database, database.connection() as conn:
            await conn.execute(statement)

    asyncio.run(work())


def clean_environment() -> dict[str, str]:
    """The environment without anything that tracker would read."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
