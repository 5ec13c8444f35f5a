"""The way into Postgres: one pool, its codecs, and one word (Unavailable) for every way of being away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import msgspec

from tracker.errors import Misconfigured, Unavailable
from tracker.store.epoch import ensure_epoch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator


AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
)

REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)

Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection
Row: TypeAlias = asyncpg.Record


class Database:
    """A pool of connections to one Postgres; opened by `Database.open`."""

    def __init__(self, dsn: str, pool: asyncpg.Pool) -> None:
        self.dsn = dsn
        self._pool = pool
        self._tidy: set[int] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, size: int = 10) -> AsyncIterator[Database]:
        """Connect with at most `size` connections; raises Unavailable when nobody answers."""
        database = cls(dsn, None)
        with away_is_unavailable():
            database._pool = pool = await asyncpg.create_pool(
                dsn, min_size=1, max_size=size, init=prepare, reset=database._tidy_up, timeout=10
            )
        try:
            yield database
        finally:
            try:
                await asyncio.wait_for(pool.close(), 10)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection of the pool, each statement its own transaction."""
        with away_is_unavailable():
            async with self._pool.acquire(timeout=10) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection inside one transaction, committed when the block ends well."""
        async with self.connection() as connection:
            async with connection.transaction():
                yield connection
            self._tidy.add(connection.get_server_pid())

    @asynccontextmanager
    async def snapshot(self) -> AsyncGenerator[Connection]:
        """A connection that reads everything as it is now, however long it takes, and writes nothing."""
        async with self.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection

    async def _tidy_up(self, connection: asyncpg.Connection) -> None:
        """Undo what a session may leave; a transaction that ended well leaves nothing, and is spared the call."""
        session = connection.get_server_pid()
        if session in self._tidy:
            self._tidy.discard(session)
        else:
            await connection.execute(connection.get_reset_query())


class away_is_unavailable:  # noqa: N801  (reads as a sentence where it is used)
    """Turns every way in which Postgres can be away into Unavailable, and its refusal of us into Misconfigured."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, asyncpg.DiskFullError):
            raise Unavailable("the disk of the database is full: make room there") from error
        if isinstance(error, AWAY) and not isinstance(error, Unavailable):
            raise Unavailable(f"the database is away: {str(error) or type(error).__name__}") from error
        if isinstance(error, REFUSED):
            raise Misconfigured(f"the database refuses us: {error}", key="database.url") from error


async def prepare(connection: asyncpg.Connection) -> None:
    """What every new connection gets: JSON codecs and the check of the log's epoch."""
    await set_codecs(connection)
    await ensure_epoch(connection)


async def set_codecs(connection: asyncpg.Connection) -> None:
    """JSON columns hold what msgspec can encode, dataclasses included, and come back as plain values."""
    await connection.set_type_codec(
        "jsonb", encoder=_encode_jsonb, decoder=_decode_jsonb, schema="pg_catalog", format="binary"
    )


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    return msgspec.json.decode(memoryview(data)[1:])
