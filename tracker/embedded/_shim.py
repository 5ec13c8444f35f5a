"""Runs alone, as `python -I -S _shim.py IDENTITY OWNER COMMAND…`: stop being root, die with the owner, become COMMAND.

IDENTITY is "same", "namespace" (a user namespace in which we are not uid 0) or "UID:GID". OWNER is the pid that the
command must not outlive, or 0. Exit status 97: this identity is not to be had; 98: the owner has died already.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

SET_DEATH_SIGNAL, KEEP_CAPABILITIES, AMBIENT, RAISE = 1, 8, 47, 2
NEW_USER_NAMESPACE = 0x10000000
SEARCH_ANY_FOLDER = 1  # CAP_DAC_OVERRIDE
NOBODY = 65534


def enter_namespace(libc: ctypes.CDLL) -> None:
    """Be nobody to ourselves and the same user to everybody else: no file changes hands."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(NEW_USER_NAMESPACE) != 0:
        os._exit(97)
    with suppress(FileNotFoundError):
        Path("/proc/self/setgroups").write_text("deny")
    try:
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")
    except OSError:
        os._exit(97)


def become(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    """Be another user who still reaches folders below a closed one, so that no folder's mode has to change."""
    libc.prctl(KEEP_CAPABILITIES, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    mask = 1 << SEARCH_ANY_FOLDER
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))
    libc.prctl(AMBIENT, RAISE, SEARCH_ANY_FOLDER, 0, 0)


def main(identity: str, owner: int, command: list[str]) -> None:
    """Never returns."""
    libc = ctypes.CDLL(None, use_errno=True)
    if identity == "namespace":
        enter_namespace(libc)
    elif identity != "same":
        uid, gid = identity.split(":")
        become(libc, int(uid), int(gid))
    if owner and sys.platform == "linux":
        # After the change of identity, which clears it. SIGINT is Postgres' fast shutdown.
        libc.prctl(SET_DEATH_SIGNAL, signal.SIGINT, 0, 0, 0)
        if os.getppid() != owner:
            os._exit(98)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
