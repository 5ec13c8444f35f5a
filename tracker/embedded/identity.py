"""As whom an embedded Postgres runs: it refuses to be root, and we may be root, in a container above all."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import Misconfigured

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
