"""The way into Postgres: its two pools, their codecs, and one word (Unavailable) for every way of being away.

What the service does over and over is planned once for each connection; only the door appends on one of the others.
Questions have connections of their own: they are planned for what is asked, and many of them do not hold up the work.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import msgspec

from tracker.errors import Misconfigured, Unavailable
from tracker.store.lifeline import Lifeline
from tracker.store.log.epoch import ensure_epoch
from tracker.store.session import ASKING, CONNECT, UNHURRIED, WORKING, Session
from tracker.store.waking import Waker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator


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
    asyncpg.IdleInTransactionSessionTimeoutError,
)

REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)

PLANNED_ONCE = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off"
"""A plan that was made while a table was empty stays until the table is analyzed, and must be right until then."""

PLANNED_FOR_ITS_VALUES = "set local plan_cache_mode = auto; set local enable_seqscan = on"
"""For a transaction that reads much."""

_ZERO = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy | asyncpg.Connection
Row: TypeAlias = asyncpg.Record

PATIENCE = 10.0
"""Seconds until a connection must be free; each statement on it has its own end (`session.py`)."""


class Database:
    """Two pools of connections to one Postgres; opened by `Database.open`."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.waker = Waker(dsn)
        self._lifeline = Lifeline(dsn)
        self._asking: asyncpg.Pool
        self._working: asyncpg.Pool
        self._tidy: set[int] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, size: int = 10) -> AsyncIterator[Database]:
        """Connect with at most `size` connections, and never less than two; raises Unavailable when nobody answers."""
        database = cls(dsn)
        half = max(1, size // 2)
        with away_is_unavailable():
            database._asking = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=half,
                init=database._prepare_to_ask,
                reset=_reset,
                timeout=CONNECT,
                command_timeout=ASKING.statement,
                connection_class=Session,
            )
            database._working = await asyncpg.create_pool(
                dsn,
                min_size=0,
                max_size=max(1, size - half),
                init=database._prepare_to_work,
                reset=database._tidy_up,
                timeout=CONNECT,
                command_timeout=WORKING.statement,
                connection_class=Session,
            )
        looking = asyncio.create_task(database._lifeline.run(), name="database.lifeline")
        try:
            yield database
        finally:
            await database.waker.close()
            await asyncio.gather(_close(database._asking), _close(database._working))
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    @asynccontextmanager
    async def connection(self, *, patience: float = PATIENCE, expendable: bool = False) -> AsyncGenerator[Connection]:
        """A connection for questions, each statement its own transaction; had within `patience` seconds, or not.

        An `expendable` one may be closed while it is not used: see before each use whether it is.
        """
        with away_is_unavailable():
            async with self._asking.acquire(timeout=patience) as connection:
                with self._lent(connection, expendable):
                    yield connection

    @asynccontextmanager
    async def transaction(self, *, unhurried: bool = False) -> AsyncGenerator[Connection]:
        """A connection inside one transaction, committed when the block ends well; `unhurried` for what takes long."""
        async with self.autocommit() as connection, connection.transaction(), _in_no_hurry(connection, unhurried):
            yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncGenerator[Connection]:
        """A connection for work, each of whose statements is a transaction of its own; others are woken at the end."""
        with away_is_unavailable():
            async with self._working.acquire(timeout=PATIENCE) as connection:
                with self._lent(connection):
                    connection.itself.tells_later = True
                    yield connection
                self._tidy.add(connection.get_server_pid())

    @asynccontextmanager
    async def snapshot(self, *, unhurried: bool = False) -> AsyncGenerator[Connection]:
        """A connection that reads everything as it is now, however long it takes, and writes nothing."""
        async with (
            self.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
            _in_no_hurry(connection, unhurried),
        ):
            yield connection

    @contextmanager
    def _lent(self, connection: Connection, expendable: bool = False) -> Iterator[None]:
        """Wake, once the block has ended well, whoever waits for what was committed in it."""
        session: Session = connection.itself
        session.expendable = expendable
        try:
            yield
            self.waker.wake(session.told)
        finally:
            session.expendable = session.tells_later = False
            session.told.clear()

    async def _prepare_to_ask(self, session: Session) -> None:
        await session.bounded(ASKING)
        await prepare(session)
        await self._look_after(session)

    async def _prepare_to_work(self, session: Session) -> None:
        await session.bounded(WORKING)
        await prepare(session)
        await session.execute(PLANNED_ONCE)
        await self._look_after(session)

    async def _look_after(self, session: Session) -> None:
        session.waker = self.waker
        await self._lifeline.look_after(session)

    async def _tidy_up(self, connection: Session) -> None:
        """Undo what a session may leave; a transaction that ended well leaves nothing, and is spared the call."""
        session = connection.get_server_pid()
        if session in self._tidy:
            self._tidy.discard(session)
            connection.expendable = True
        else:
            await _reset(connection)
            await connection.execute(PLANNED_ONCE)


async def _reset(session: Session) -> None:
    """Undo what a session may leave; from now on nobody has it."""
    await session.execute(session.get_reset_query())
    session.expendable = True


@asynccontextmanager
async def _in_no_hurry(connection: Connection, really: bool) -> AsyncGenerator[None]:
    if not really:
        yield
        return
    with connection.itself.unhurried():
        await connection.execute(UNHURRIED.said("local"))
        yield


async def _close(pool: asyncpg.Pool) -> None:
    try:
        await asyncio.wait_for(pool.close(), 10)
    except TimeoutError:
        pool.terminate()


FILL_A_MEBIBYTE = """
create temporary table room on commit drop as select repeat('x', 1000) as filling from generate_series(1, 1000)
"""


async def has_room(conn: Connection) -> bool:
    """Whether another megabyte can be written, which a full disk of the database refuses."""
    try:
        async with conn.transaction():
            await conn.execute(FILL_A_MEBIBYTE)
    except asyncpg.DiskFullError:
        return False
    return True


class away_is_unavailable:  # noqa: N801  (reads as a sentence where it is used)
    """Turns every way in which Postgres can be away into Unavailable, and its refusal of us into Misconfigured."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, AWAY) and (task := asyncio.current_task()) and task.cancelling():
            # A statement that is cut short with its task may say so as if the database were away.
            raise asyncio.CancelledError from error
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
    """JSON columns hold what msgspec can encode, structs and dataclasses included, and come back as plain values."""
    codecs = {"jsonb": (_encode_jsonb, _decode_jsonb), "json": (_encode_json, msgspec.json.decode)}
    for name, (encoder, decoder) in codecs.items():
        await connection.set_type_codec(name, encoder=encoder, decoder=decoder, schema="pg_catalog", format="binary")


def _encode_json(value: Any) -> bytes:
    """Raises ValueError for the zero character, at which Postgres would stumble only where it reads it."""
    data = msgspec.json.encode(value)
    if b"u0000" in data and _ZERO.search(data):
        raise ValueError("a text holds the character 0, which Postgres cannot")
    return data


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + msgspec.json.encode(value)


def _decode_jsonb(data: bytes) -> Any:
    return msgspec.json.decode(memoryview(data)[1:])
