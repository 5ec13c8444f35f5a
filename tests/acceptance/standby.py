"""Servers of one cluster: a primary, and copies of it that follow until they are promoted; all die at once."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from tracker.embedded.identity import ordinary
from tracker.embedded.postgres_binaries import binaries, plain_environment

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 60
SETTINGS = {"listen_addresses": "", "fsync": "off", "max_connections": "40", "shared_buffers": "32MB"}


class Server:
    """One server in a folder of its own, which is reached by a socket in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.dsn = f"postgresql://postgres@/postgres?host={quote(str(folder))}&port=5432"
        self._identity = ordinary()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        self._identity.own(folder)

    def create(self) -> None:
        """A cluster with nothing in it."""
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync", "--locale=C", "-E", "UTF8")

    def copy(self, primary: Server) -> None:
        """What the primary holds now; it follows from there on what the primary writes, later than it is written."""
        self._run("pg_basebackup", "-d", primary.dsn, "-D", self.data, "-c", "fast", "--no-sync", "-R")

    def start(self) -> None:
        """Until it takes questions."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = self._command("postgres", "-D", self.data, "-k", self.folder, *settings)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=plain_environment(), cwd=self.folder, start_new_session=True
            )
        end = time.monotonic() + PATIENCE
        while not self._is_ready():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9 of the postmaster, with which all of it ends."""
        if self._process and self._process.poll() is None:
            os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            self._process.wait(PATIENCE)

    def _is_ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return bool(lines[7:]) and lines[7].strip() in {"ready", "standby"}

    def _command(self, program: str, *arguments: str | Path) -> list[str]:
        return self._identity.command(binaries() / program, *arguments, owner=os.getpid())

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = self._command(program, *arguments)
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=plain_environment(), cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
