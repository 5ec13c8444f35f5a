"""A Postgres of our own under a folder, for when no url of one is given: started, joined and stopped here."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from tracker.embedded import START
from tracker.embedded.cluster import POLL, PORT, SOCKET, Cluster, Identity, binaries, ordinary, plain_environment
from tracker.embedded.vigil import PATIENCE, Vigil
from tracker.errors import Misconfigured, Unavailable
from tracker.runtime.logger import Logger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

log = Logger(__name__)

LONGEST_SOCKET_PATH = 103  # macOS; Linux has room for 107
STOP, STOP_AT_ONCE = 30.0, 2.0
LOOK_EVERY, KNOCK_EVERY = 0.5, 1.5
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "jit": "off",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """One server for one folder; whoever comes second, in this process or another, joins it.

    The server ends with the process that started it, even when that is killed; it must be started from the main
    thread, because the system tells the server when the thread ends that started it. `settings` are Postgres' own;
    `patience`, in seconds, is for a server that somebody else has started and that does not answer.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        identity: Identity | None = None,
        patience: float = START,
    ) -> None:
        self.folder = folder.resolve()
        self._cluster = Cluster(self.folder)
        self._settings = SETTINGS | dict(settings or {})
        self._identity, self._patience = identity, patience
        self._owner: BinaryIO | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._joined = False

    def start(self) -> str:
        """Run the server, or join the one that runs, and answer its DSN once it takes connections."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start the embedded Postgres from the main thread: it ends with the thread")
        self._prepare_folder()
        try:
            self._serve_or_join()
        except BaseException:
            self.stop()
            raise
        return self.dsn

    def has_ended(self) -> bool:
        """Whether the server has died, or has ended with whoever else had started it, and is ours to start."""
        if self._joined:
            return self._own()
        return self._process is not None and self._process.poll() is not None

    def vigil(self, patience: float = PATIENCE) -> Vigil | None:
        """A watch over the server, where we have started it, for a hang of so many seconds."""
        return Vigil(self._process.pid, str(self._sockets), patience) if self._process else None

    def end_at_once(self) -> None:
        """End a server of ours that hangs; what was committed stays. It may take some seconds, on any thread."""
        if self._process and self._process.poll() is None:
            self._ask_to_end(self._process, signal.SIGQUIT)
            try:
                self._process.wait(STOP_AT_ONCE)
            except subprocess.TimeoutExpired:
                self._cluster.signal_processes(signal.SIGKILL)
                self._process.wait(STOP_AT_ONCE)

    def _ask_to_end(self, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
        """Also one that was stopped, which hears nothing before it goes on."""
        process.send_signal(how)
        self._cluster.signal_processes(signal.SIGCONT)

    def stop(self) -> None:
        """End the server if it is ours; open connections are cut, what was committed stays."""
        if self._process and self._process.poll() is None:
            if (vigil := self.vigil()) and not vigil.is_stuck():
                self._ask_to_end(self._process, signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP)
            self.end_at_once()
        self._process, self._joined = None, False
        if self._owner:
            if self._sockets != self.folder:
                with suppress(OSError):
                    self._sockets.rmdir()
            self._owner.close()
            self._owner = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """How to connect, as the superuser, to the database `postgres`."""
        running = self._cluster.postmaster()
        sockets = quote(running.sockets if running else str(self._sockets))
        return f"postgresql://postgres:{quote(self._cluster.password)}@/postgres?host={sockets}&port={PORT}"

    @property
    def _sockets(self) -> Path:
        folder = self.folder
        if len(os.fsencode(folder / SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(folder):
            return folder
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        return Path("/tmp") / f"tracker-{os.geteuid()}-{name}"  # noqa: S108  (refused below unless it is ours)

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Misconfigured(
                f"cannot make this folder: {error.strerror}", file=str(self.folder), key="database.data_dir"
            ) from error

    def _serve_or_join(self) -> None:
        began = time.monotonic()
        while not self._own() and not self._others_answer():
            self._pause(began, self._patience)
        if self._owner and not (self._process and self._process.poll() is None):
            self.launch(self.clear())
        self._joined = self._process is None
        while not self._answers():
            self._pause(began, START)

    def _own(self) -> bool:
        if self._owner is None:
            claim = (self.folder / "owner.lock").open("ab")
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                claim.close()
                return False
            self._owner = claim
        return True

    def clear(self) -> int:
        """Make the folder ready, and wait for the end of an earlier server; answers the lock that `launch` is to have.

        It may take long, on any thread.
        """
        identity = self._identity or ordinary()
        self._cluster.make_ready(identity)
        self._make_socket_folder(identity)
        return self._cluster.take_over(self._sockets)

    def launch(self, lock: int) -> None:
        """Launch the server; call it from the main thread."""
        identity = self._identity or ordinary()
        command = identity.command(
            binaries() / "postgres", "-D", self._cluster.data, "-k", self._sockets, "-p", str(PORT),
            *(part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")),
            owner=os.getpid(),
        )  # fmt: skip
        with self._cluster.log.open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches us and not the server beneath us.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock], start_new_session=True,
                cwd=self.folder, env=plain_environment(),
            )  # fmt: skip
        os.close(lock)
        self._joined = False

    def _make_socket_folder(self, identity: Identity) -> None:
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        found = self._sockets.lstat()
        if self._sockets.is_symlink() or found.st_uid not in {os.geteuid(), identity.uid}:
            raise Misconfigured("this folder, for the socket of Postgres, is somebody else's", file=str(self._sockets))
        identity.own(self._sockets)

    def _answers(self) -> bool:
        if self._process is None:
            return self._others_answer()
        if self._process.poll() is not None:
            last_words = "\n".join(self._cluster.log.read_text(errors="replace").splitlines()[-15:])
            raise Misconfigured(f"Postgres ended as it started:\n{last_words}", file=str(self._cluster.log))
        running = self._cluster.postmaster()
        return running is not None and running.ready and running.pid == self._process.pid

    def _others_answer(self) -> bool:
        running = self._cluster.postmaster()
        if not running or not running.ready:
            return False
        with socket.socket(socket.AF_UNIX) as door, suppress(OSError):
            door.connect(f"{running.sockets}/{SOCKET}")
            return True
        return False

    def _pause(self, began: float, patience: float) -> None:
        if time.monotonic() > began + patience:
            raise Unavailable(f"the Postgres of {self.folder} is not ready after {patience:.0f} s")
        time.sleep(POLL)


async def kept_running(server: EmbeddedPostgres, patience: float = PATIENCE) -> None:
    """Until cancelled: start the server anew when it has ended, and end it when it hangs.

    What may take long is done beside the event loop; only the start is not, because the server ends with the thread
    that has started it.
    """
    watch, knocked, loop = server.vigil(patience), 0.0, asyncio.get_running_loop()
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if watch and loop.time() - knocked > min(KNOCK_EVERY, patience / 4):
            knocked = loop.time()
            if await asyncio.to_thread(watch.hangs):
                log.error("postgres.hangs", advice="it is ended and started anew")
                await asyncio.to_thread(server.end_at_once)
        if server.has_ended():
            server.launch(await asyncio.to_thread(server.clear))
            log.warning("postgres.revived")
            watch = server.vigil(patience)
