"""A pgbouncer in front of a Postgres, where one is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.acceptance.service import free_port
from tests.waiting import wait_until
from tracker.embedded.cluster import ordinary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

CONFIG = """
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
"""

needs_pgbouncer = pytest.mark.skipif(not BOUNCER, reason="there is no pgbouncer here")


@contextmanager
def pooler(folder: Path, server: str, mode: str, size: int = 20) -> Iterator[str]:
    """The address of that server's database by way of a pooler in that mode."""
    parts, own = urlsplit(server), free_port()
    where = {name: values[0] for name, values in parse_qs(parts.query).items()}
    folder.mkdir()
    (folder / "users").write_text(f'"{parts.username}" "{unquote(parts.password or "")}"\n')
    (folder / "bouncer.ini").write_text(CONFIG.format(**where, own=own, folder=folder, mode=mode, size=size))
    assert BOUNCER
    # It refuses to be root, as Postgres does.
    command = ordinary().command(BOUNCER, folder / "bouncer.ini")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _listens(own, folder / "log")
        yield f"postgresql://{parts.username}:{parts.password}@127.0.0.1:{own}{parts.path}"
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int, log: Path) -> None:
    def answers() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    wait_until(answers, log.read_text)
