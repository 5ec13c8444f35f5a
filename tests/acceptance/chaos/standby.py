"""Two Postgres, of which one follows the other and must have what was committed; when one dies, the other leads."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from tests.acceptance.chaos.proxy import Proxy
from tests.waiting import until
from tracker.embedded.cluster import PORT, SOCKET, binaries, ordinary, plain_environment
from tracker.embedded.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SETTINGS = {"max_connections": "200", "fsync": "off", "full_page_writes": "off", "wal_keep_size": "64MB"}
SECONDS = 60


@dataclass
class Member:
    """One of the two, at an address that it keeps."""

    server: EmbeddedPostgres
    proxy: Proxy

    @property
    def dsn(self) -> str:
        """How we ask it."""
        return self.server.dsn


class Pair:
    """`primary` leads and `standby` follows it; `fail_over` kills the one, `rebuild` has it follow the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: list[EmbeddedPostgres] = []
        self.whole = False
        self.primary: Member
        self.standby: Member

    @property
    def service_dsn(self) -> str:
        """Both hosts, of which the one that takes writes is wanted."""
        credentials = self.primary.dsn.partition("//")[2].partition("@")[0]
        hosts = f"127.0.0.1:{self.primary.proxy.port},127.0.0.1:{self.standby.proxy.port}"
        return f"postgresql://{credentials}@{hosts}/postgres?target_session_attrs=read-write"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pair]:
        """Both of them, until the block ends."""
        async with AsyncExitStack() as stack:
            stack.callback(self._stop)
            self.primary = await self._member(stack)
            self.primary.server.start()
            self.standby = await self._member(stack)
            await self._follow()
            yield self

    async def fail_over(self) -> None:
        """The primary is gone from one moment to the next, and the standby leads."""
        self.whole = False
        gone, self.primary = self.primary, self.standby
        pid = int((gone.server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        gone.proxy.cut()
        gone.proxy.refuse()
        await _execute(self.primary.dsn, "select pg_promote(false)")  # one that waits may hold up what it waits for
        await _until(self.primary.dsn, "select not pg_is_in_recovery()")
        self.standby = gone

    async def rebuild(self) -> None:
        """What died follows now, at its old address."""
        await asyncio.to_thread(self.standby.server.stop)
        self.standby.server = self._new()
        await self._follow()

    def _stop(self) -> None:
        for server in self._servers:
            server.stop()

    def _new(self) -> EmbeddedPostgres:
        server = EmbeddedPostgres(self._folder / f"postgres-{len(self._servers)}", SETTINGS)
        self._servers.append(server)
        return server

    async def _member(self, stack: AsyncExitStack) -> Member:
        member = Member(self._new(), Proxy(lambda: f"{member.server._sockets}/{SOCKET}"))
        await stack.enter_async_context(member.proxy)
        return member

    async def _follow(self) -> None:
        """Copy the primary, start the copy, and have the primary wait for it from now on."""
        source, copy = self.primary.server, self.standby.server
        await asyncio.to_thread(_copy, source, copy)
        copy.start()
        await self.standby.proxy.accept()
        await _until(self.primary.dsn, "select exists (select from pg_stat_replication where state = 'streaming')")
        await _execute(self.primary.dsn, "alter system set synchronous_standby_names = '*'")
        await _execute(self.primary.dsn, "select pg_reload_conf()")
        await _until(self.primary.dsn, "select exists (select from pg_stat_replication where sync_state = 'sync')")
        await self._until_all_is_there()
        self.whole = True

    async def _until_all_is_there(self) -> None:
        """Commits wait for the copy, and it has what was committed before they did.

        They begin to wait when the checkpointer has read the setting, as it does before it answers a request.
        """
        await _execute(self.primary.dsn, "checkpoint")
        connection = await asyncpg.connect(self.primary.dsn, timeout=10)
        try:
            there = await connection.fetchval("select pg_current_wal_flush_lsn()::text")
            is_there = f"select exists (select from pg_stat_replication where flush_lsn >= '{there}')"
            await until(lambda: connection.fetchval(is_there), is_there, SECONDS)
        finally:
            await connection.close()


def _copy(source: EmbeddedPostgres, copy: EmbeddedPostgres) -> None:
    """The primary's files, and the word that it is to be followed."""
    copy._prepare_folder()
    shutil.copy2(source.folder / "password", copy.folder / "password")
    identity = ordinary()
    identity.own(copy.folder)
    data, password = copy.folder / "data", (source.folder / "password").read_text()
    command = identity.command(
        binaries() / "pg_basebackup", "--pgdata", data, "--host", source._sockets, "--port", str(PORT),
        "--username=postgres", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--write-recovery-conf",
    )  # fmt: skip
    environment = plain_environment() | {"PGPASSWORD": password}
    made = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=copy.folder)
    assert made.returncode == 0, made.stderr
    settings = data / "postgresql.auto.conf"
    kept = [line for line in settings.read_text().splitlines() if "synchronous_standby_names" not in line]
    settings.write_text("\n".join(kept) + "\n")


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _until(dsn: str, query: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await until(lambda: connection.fetchval(query), query, SECONDS)
    finally:
        with suppress(OSError):
            await connection.close()
