"""A connection to Postgres on which no wait is without an end.

Each statement has a deadline, at the server and here, and whoever stops waiting for an answer hangs up: asyncpg would
ask the server to stop and wait for its word, which never comes from a network that swallows what it is given. The
socket notices by itself that the other side is gone, where the network says nothing.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from tracker.store.database import Row
    from tracker.store.waking import Waker

Value = TypeVar("Value")


def into(kind: type[Value], row: Row | Mapping[str, Any], **more: Any) -> Value:
    """A value of that kind, whose fields are columns of the row, but for those that are given as `more`."""
    return kind(**{name: row[name] for name in names_of(kind) if name not in more}, **more)


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """The names of the kind's fields, in their order."""
    names: tuple[str, ...] | None = getattr(kind, "__struct_fields__", None)
    return names if names is not None else tuple(one.name for one in fields(kind))


Answer = TypeVar("Answer")

CONNECT = 5.0
"""Seconds in which a connection is made, or is not."""

CLOSE = 3.0
GRACE = 5.0
"""The server has so many seconds less: it is to say no before we hang up, so that the connection lives."""

KEEPALIVE = {"TCP_KEEPIDLE": 4, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 8000}
"""Eight seconds until the system gives up a silent network; names that a system does not have are left out."""

KEEPALIVE_THERE = (
    "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3;"
    " set tcp_user_timeout = 20000;"
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Deadlines in seconds: for one statement, for the wait for a lock, and for a pause within a transaction."""

    statement: float
    lock: float
    pause: float

    def said(self, scope: str = "") -> str:
        """The bounds as statements of SQL; `scope` is "local" for one transaction, empty for the session."""
        each = {
            "statement_timeout": max(self.statement - GRACE, self.statement / 2),
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.pause,
        }
        return "".join(f"set {scope} {name} = {round(seconds * 1000)};" for name, seconds in each.items())


ASKING = Bounds(statement=60, lock=10, pause=60)
WORKING = Bounds(statement=60, lock=20, pause=60)
UNHURRIED = Bounds(statement=6 * 3600, lock=600, pause=3600)
"""For what reads or writes much: a rebuild, a backtest, pruning, migrations."""


class Transaction(asyncpg.transaction.Transaction):  # type: ignore[misc]  # it has no types
    """Ends as asyncpg's; where the connection is gone already, what ended it is the error, and not that it is gone."""

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None or not self._connection.is_closed():
            await super().__aexit__(kind, error, trace)


class Session(asyncpg.Connection):  # type: ignore[misc]  # as above
    """What asyncpg connects with here; `bounded` must be called before it is used.

    Its statements are asyncpg's, but each has a deadline: `timeout` seconds, or else that of its bounds. One that
    takes longer fails, and the session hangs up.
    """

    bounds = WORKING
    backend: tuple[int, datetime] | None = None
    """The server's process, and when it began."""
    waiting_since: float | None = None
    """When the statement was sent that has no answer yet, by the loop's clock."""
    expendable = True
    """Nobody has it at the moment, or whoever has it looks first whether it is still there."""
    hung_up: Callable[[Session], object] | None = None
    """Told when a statement is given up that the server may still be at."""
    waker: Waker | None = None
    tells_later = False
    """Whether others are woken only when whoever has the session gives it back."""
    _given_up = False
    _loop: asyncio.AbstractEventLoop

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.told: set[str] = set()
        """The channels on which to wake whoever waits once the transaction is committed."""

    @property
    def itself(self) -> Session:
        """The session, asked through the pool's proxy."""
        return self

    async def bounded(self, bounds: Bounds) -> None:
        """Set the deadlines of the socket and of the server."""
        self.bounds = bounds
        notice_silence(self._transport.get_extra_info("socket"))
        await self.execute(self._bounds_said())

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """Be as patient as UNHURRIED within the block; the server is to be told by `UNHURRIED.said("local")`."""
        usual, self.bounds = self.bounds, UNHURRIED
        try:
            yield
        finally:
            self.bounds = usual

    def transaction(self, *, isolation: Any = None, readonly: bool = False, deferrable: bool = False) -> Transaction:
        """A transaction that ends as Transaction says; the arguments are asyncpg's."""
        return Transaction(self, isolation, readonly, deferrable)

    def get_reset_query(self) -> str:
        """What undoes all that a session may leave, but not its deadlines."""
        return f"{super().get_reset_query()}\n{self._bounds_said()}"

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        """Run statements; answers the status, as in "UPDATE 3"."""
        return await self._waiting(super().execute(query, *args, timeout=self._patience(timeout)))

    async def executemany(self, command: str, args: Any, *, timeout: float | None = None) -> None:
        """Run a statement once for each of `args`."""
        await self._waiting(super().executemany(command, args, timeout=self._patience(timeout)))

    async def fetch(self, query: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """The rows of a query."""
        return await self._waiting(super().fetch(query, *args, timeout=self._patience(timeout), **options))

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """The first row of a query; None: it has none."""
        return await self._waiting(super().fetchrow(query, *args, timeout=self._patience(timeout), **options))

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """The first value of the first row of a query; None: it has none."""
        return await self._waiting(super().fetchval(query, *args, timeout=self._patience(timeout), **options))

    async def copy_records_to_table(self, table_name: str, *, timeout: float | None = None, **options: Any) -> str:
        """Copy rows into a table; answers the status, as in "COPY 3"."""
        return await self._waiting(
            super().copy_records_to_table(table_name, timeout=self._patience(timeout), **options)
        )

    async def page_of(self, cursor: Any, rows: int) -> list[Any]:
        """The cursor's next rows, `rows` at most, within the deadline of a statement."""
        return await self._waiting(cursor.fetch(rows, timeout=self.bounds.statement))

    def _patience(self, timeout: float | None) -> float:
        return self.bounds.statement if timeout is None else timeout

    async def _waiting(self, answer: Awaitable[Answer]) -> Answer:
        self.waiting_since = self._loop.time()
        try:
            return await answer
        except BaseException:
            if self._given_up:
                self.terminate()
            raise
        finally:
            self.waiting_since = None

    def _cancel_current_command(self, *_: object) -> None:
        # asyncpg calls this where a deadline is over, or the task that waits is cancelled; it must not be reentered.
        self._given_up = True
        self._loop.call_soon(self.terminate)
        if self.hung_up:
            self.hung_up(self)

    def _bounds_said(self) -> str:
        return self.bounds.said() + (KEEPALIVE_THERE if _is_tcp(self._transport.get_extra_info("socket")) else "")


async def connect(dsn: str, bounds: Bounds = ASKING, **options: Any) -> Session:
    """A connection outside any pool, with more of asyncpg's `options`; raises what `AWAY` names."""
    session: Session = await asyncpg.connect(
        dsn, timeout=CONNECT, command_timeout=bounds.statement, connection_class=Session, **options
    )
    try:
        await session.bounded(bounds)
    except BaseException:
        session.terminate()
        raise
    return session


async def page_of(conn: asyncpg.pool.PoolConnectionProxy | asyncpg.Connection, cursor: Any, rows: int) -> list[Any]:
    """What a cursor gives next, with the patience of its connection."""
    session: Session | None = getattr(conn, "itself", None)
    return await (session.page_of(cursor, rows) if session else cursor.fetch(rows))


async def hang_up(session: asyncpg.Connection) -> None:
    """Take leave of the server, or leave without its word."""
    with suppress(Exception):
        await session.close(timeout=CLOSE)
    session.terminate()


class NeedsTransaction(Exception):
    """What was begun with statements of their own takes more than one that must be kept together."""


def require_transaction(conn: asyncpg.Connection) -> None:
    """Raise NeedsTransaction unless a transaction is open."""
    if not conn.is_in_transaction():
        raise NeedsTransaction


@dataclass(frozen=True, slots=True)
class Part:
    """What is written in one statement together with other parts: `steps` of SQL by name, and the values of $1 on."""

    steps: tuple[tuple[str, str], ...]
    values: Sequence[object]


async def write_at_once(conn: asyncpg.Connection, parts: Sequence[Part]) -> None:
    """Write all parts in one statement; no part sees what another one writes."""
    if parts:
        await fetch_at_once(conn, parts, "select")


async def fetch_at_once(conn: asyncpg.Connection, parts: Sequence[Part], query: str, *values: object) -> list[Row]:
    """Write all parts, and ask something that may name their steps, in one statement."""
    text = together(query, len(values), tuple((part.steps, len(part.values)) for part in parts))
    rows: list[Row] = await conn.fetch(text, *values, *(value for part in parts for value in part.values))
    return rows


@lru_cache(maxsize=200)
def together(query: str, first: int, parts: tuple[tuple[tuple[tuple[str, str], ...], int], ...]) -> str:
    """The statement that writes the parts and asks: the parameters of the query, which has so many, come first."""
    steps, shift = [], first
    for part, count in parts:
        steps += [f"{name} as ({_shifted(sql, shift)})" for name, sql in part]
        shift += count
    return f"with {', '.join(steps)} {query}"


def _shifted(sql: str, by: int) -> str:
    """The statement with its parameters numbered from there on."""
    return re.sub(r"\$(\d+)", lambda number: f"${int(number[1]) + by}", sql)


def columns_of(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """The columns of rows, each of which has so many values, for `unnest`."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def notice_silence(door: socket.socket | None) -> None:
    """Have the system look after a TCP connection on which nothing comes."""
    if door is None or not _is_tcp(door):
        return
    with suppress(OSError):
        door.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        with suppress(OSError, AttributeError):
            door.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _is_tcp(door: socket.socket | None) -> bool:
    return door is not None and door.family in {socket.AF_INET, socket.AF_INET6}
