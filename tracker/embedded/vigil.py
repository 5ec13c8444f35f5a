"""Whether a Postgres that runs here hangs: it is there, and neither answers nor recovers nor works.

A server that lost a process in the middle of a recovery may wait for ever, alive, for something that does not come. One
that replays its log for an hour, or has too much to do, must not be taken for that: the first has a process for it, and
the second uses up time of the processor. One that somebody has stopped does not even that.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

import psutil

from tracker.embedded.cluster import SOCKET, work

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 5.0
"""Seconds. With the end of the old server and the start of the next one, all goes on within ten."""

FEWEST_LOOKS = 3
"""A machine that slept, or had no time for us, has not looked as often."""

DEADLINE = 1.0
PROTOCOL = 3 << 16
TURNED_AWAY = b"C57P03\0"
"""SQLSTATE cannot_connect_now: it starts, recovers or ends, or believes so."""


class Answer(Enum):
    """What a server says to who knocks."""

    TAKEN = auto()
    TURNED_AWAY = auto()
    NONE = auto()


class Vigil:
    """Watches one server, which a look may keep waiting for some seconds."""

    def __init__(self, pid: int, sockets: str, patience: float = PATIENCE, deadline: float = DEADLINE) -> None:
        self._pid, self._sockets, self._patience, self._deadline = pid, sockets, patience, deadline
        self._quiet_since, self._looks, self._worked = time.monotonic(), 0, 0.0

    def hangs(self) -> bool:
        """Look; answers whether it has hung for so long that nothing more is to be expected."""
        answer = knock(self._sockets, self._deadline)
        worked = work(self._processes())
        busy = answer is Answer.NONE and worked != self._worked and not self._is_stopped()
        self._worked = worked
        if answer is Answer.TAKEN or busy or self.recovers():
            self._quiet_since, self._looks = time.monotonic(), 0
            return False
        self._looks += 1
        return self._looks >= FEWEST_LOOKS and time.monotonic() - self._quiet_since >= self._patience

    def is_stuck(self) -> bool:
        """Whether it turns us away at this moment, although it does not recover."""
        return knock(self._sockets) is Answer.TURNED_AWAY and not self.recovers()

    def recovers(self) -> bool:
        """Whether the process lives that replays the log."""
        return any("startup" in title for title in self._titles())

    def _is_stopped(self) -> bool:
        with suppress(psutil.Error):
            return psutil.Process(self._pid).status() == psutil.STATUS_STOPPED
        return False

    def _titles(self) -> Iterator[str]:
        for process in self._processes():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_STOPPED:
                    yield " ".join(process.cmdline()[:1])

    def _processes(self) -> Iterator[psutil.Process]:
        with suppress(psutil.Error):
            server = psutil.Process(self._pid)
            yield from (server, *server.children())


def knock(sockets: str, deadline: float = DEADLINE) -> Answer:
    """Begin a connection as far as the server's first word."""
    names = b"user\0postgres\0database\0postgres\0\0"
    with socket.socket(socket.AF_UNIX) as door, suppress(OSError):
        door.settimeout(deadline)
        door.connect(f"{sockets}/{SOCKET}")
        door.sendall(struct.pack("!ii", len(names) + 8, PROTOCOL) + names)
        if said := door.recv(1024):
            return Answer.TURNED_AWAY if said[:1] == b"E" and TURNED_AWAY in said else Answer.TAKEN
    return Answer.NONE
