"""A Postgres of whatever version, as somebody would run one of their own: made, copied, killed and promoted."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from tests.acceptance.service import free_port
from tests.waiting import until
from tracker.embedded.cluster import binaries, ordinary, plain_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
fsync = off
"""


def others() -> Iterator[Path]:
    """The folders with the programs of each Postgres that the system brings, the newest first."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return iter(sorted((one for one in folders if (one / "initdb").is_file()), reverse=True))


class _Ended(Exception):
    """The server did not come up."""


class PostgresServer:
    """One server on the loopback that trusts everybody there; it ends with this process."""

    def __init__(self, folder: Path, name: str, programs: Path | None = None) -> None:
        self.data, self.name, self.port = folder / name, name, 0
        self._programs = programs or binaries()
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Its address."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """With nothing in it."""
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "-N")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)

    def follow(self, primary: PostgresServer) -> None:
        """As a standby of that server."""
        self._run("pg_basebackup", "-D", self.data, "-d", primary.dsn, "-R", "-c", "fast", "--no-sync")

    async def start(self) -> None:
        """Until it answers, at a port that nobody else has taken meanwhile."""
        for _ in range(5):
            self._launch()
            with suppress(_Ended):
                await until_told(self._answers, f"{self.name} answers")
                return
        raise AssertionError(self._log.read_text())

    def _launch(self) -> None:
        self.port = free_port()
        command = ordinary().command(
            self._programs / "postgres", "-D", self.data, "-p", str(self.port), "-c", f"cluster_name={self.name}",
            owner=os.getpid(),
        )  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=plain_environment())

    async def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise _Ended
        return bool(await self.ask("select true"))

    def kill(self) -> None:
        """kill -9 of the postmaster."""
        if self._process:
            self._process.kill()
            self._process.wait(10)

    async def ask(self, statement: str, *values: object) -> Any:
        """One value."""
        connection = await asyncpg.connect(self.dsn, timeout=5)
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    def _run(self, program: str, *words: str | Path) -> None:
        command = ordinary().command(self._programs / program, *words)
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=plain_environment())
        assert ran.returncode == 0, ran.stderr


async def until_told(asked: Callable[[], Awaitable[object]], what: str) -> None:
    """Until the answer is true; not being able to ask is no answer."""

    async def is_true() -> bool:
        try:
            return bool(await asked())
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    await until(is_true, what)
