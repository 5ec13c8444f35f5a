"""The files of an embedded Postgres: made once, checked before each start, freed from what a dead server left."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from tracker.embedded.postgres_binaries import OVERRIDE, binaries, major_version, plain_environment
from tracker.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.embedded.identity import Identity

FIRST_WITH_BUILTIN_LOCALE = 17
LAST_BREATH = 15.0
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
POLL = 0.02


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a server says of itself in postmaster.pid."""

    pid: int
    sockets: str
    ready: bool


class Cluster:
    """The folder: `data` (Postgres' own), `password`, `postgres.log` and the locks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self._password = folder / "password"

    @property
    def password(self) -> str:
        """The superuser's; raises Misconfigured when the file that holds it is gone."""
        try:
            return self._password.read_text()
        except FileNotFoundError:
            raise Misconfigured("the password of this embedded Postgres is gone", file=str(self._password)) from None

    def make_ready(self, identity: Identity) -> None:
        """Create the data where there is none; raises Misconfigured where it is another version's."""
        identity.own(self.folder)
        if not self.data.exists():
            self._create(identity)
        have, programs = int((self.data / "PG_VERSION").read_text()), binaries()
        if have != (want := major_version(programs)):
            raise Misconfigured(
                f"this data is of Postgres {have}, and the programs in {programs} are of Postgres {want}."
                f" Let {OVERRIDE} name a folder with the programs of Postgres {have}, start, dump with its pg_dump,"
                f" stop, move {self.folder} away, start without {OVERRIDE} and restore with pg_restore",
                file=str(self.data),
            )

    def postmaster(self) -> Postmaster | None:
        """The server that runs here, or that did until it was killed."""
        with suppress(OSError, ValueError):  # ValueError: it is being written at this moment
            pid, _data, _began, _port, sockets, *more = (self.data / "postmaster.pid").read_text().splitlines()
            return Postmaster(int(pid), sockets, ready="".join(more[2:3]).strip() == "ready")
        return None

    def take_over(self, sockets: Path) -> int:
        """Wait for the end of every process of an earlier server, and end those that do not end by themselves.

        Answers the descriptor of a lock that the next server inherits, and each of its processes from it: it is free
        when the last of them is gone. A pid proves nothing: it may be a zombie's, or another program's by now.
        """
        lock = os.open(self.folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for last_resort in (signal.SIGQUIT, signal.SIGKILL, None):
            if _locked(lock, LAST_BREATH):
                for left in (self.data / "postmaster.pid", sockets / SOCKET, sockets / f"{SOCKET}.lock"):
                    left.unlink(missing_ok=True)
                return lock
            if last_resort:
                self.signal_processes(last_resort)
        os.close(lock)
        raise Unavailable(f"an earlier Postgres of {self.data} does not end")

    def signal_processes(self, number: signal.Signals) -> None:
        """Send it to each process that works on this data."""
        place = str(self.data)
        for process in psutil.process_iter(["cwd", "cmdline"]):
            if place == process.info["cwd"] or place in (process.info["cmdline"] or ()):
                with suppress(psutil.Error):
                    process.send_signal(number)

    def _create(self, identity: Identity) -> None:
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._password.touch(0o600)
        self._password.write_text(secrets.token_urlsafe(24))
        identity.own(self._password)
        programs = binaries()
        builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        initdb = identity.command(
            programs / "initdb", "--pgdata", unfinished, "--username=postgres", "--encoding=UTF8", "--locale=C",
            *(builtin if major_version(programs) >= FIRST_WITH_BUILTIN_LOCALE else ()),
            "--auth=scram-sha-256", f"--pwfile={self._password}",
        )  # fmt: skip
        made = subprocess.run(
            initdb, capture_output=True, text=True, check=False, cwd=self.folder, env=plain_environment()
        )
        if made.returncode:
            raise Misconfigured(f"initdb failed:\n{made.stdout}{made.stderr}", file=str(self.folder))
        unfinished.rename(self.data)


def _locked(lock: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        else:
            return True
