"""One embedded Postgres for a whole run, with a new and empty database for everything that is measured."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import asyncpg

from benchmarks.placing import OTHERS, on_cores
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = "made"
SETTINGS = {"max_connections": "200"}
QUIET = {"autovacuum": "off", "checkpoint_timeout": "1h", "max_wal_size": "4GB"}


class Store:
    """Its databases are copies of a migrated one, and are dropped when their block ends."""

    def __init__(self, dsn: str, log: Path, *, drops: bool = True) -> None:
        self._dsn, self._drops, self.log = dsn, drops, log
        self._numbers = count(1)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The DSN of an empty database with tracker's schema."""
        name = f"run_{next(self._numbers)}"
        asyncio.run(_execute(self._dsn, f"create database {name} template {TEMPLATE}"))
        try:
            yield named(self._dsn, name)
        finally:
            if self._drops:
                asyncio.run(_execute(self._dsn, f"drop database {name} with (force)"))

    def version(self) -> str:
        """Of the Postgres."""
        return str(asyncio.run(_value(self._dsn, "show server_version")))


@contextmanager
def a_store(folder: Path | None = None, *, quiet: bool = False) -> Iterator[Store]:
    """In a folder that is removed afterwards, or in the one named, which is kept; settings are the product's.

    A quiet one does nothing by itself, so that all CPU is of what is measured; it is for short comparisons.
    """
    with tempfile.TemporaryDirectory(prefix="tracker-bench-") as passing:
        with on_cores(OTHERS):
            server = EmbeddedPostgres(folder or Path(passing), SETTINGS | (QUIET if quiet else {}))
            server.start()
        try:
            asyncio.run(_make(server.dsn))
            yield Store(server.dsn, server.folder / "postgres.log", drops=not quiet)
        finally:
            server.stop()


def named(dsn: str, database: str) -> str:
    """The same server, another database."""
    return dsn.replace("/postgres?", f"/{database}?")


def environment(dsn: str) -> dict[str, str]:
    """The variables by which clients other than ours find the database."""
    parts = urlsplit(dsn)
    given = dict(pair.split("=", 1) for pair in parts.query.split("&"))
    return {
        "PGHOST": unquote(given["host"]),
        "PGPORT": given["port"],
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.strip("/"),
    }


async def _make(dsn: str) -> None:
    if not await _value(dsn, f"select exists (select from pg_database where datname = '{TEMPLATE}')"):
        await _execute(dsn, f"create database {TEMPLATE}")
    await upgrade(named(dsn, TEMPLATE))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _value(dsn: str, query: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
