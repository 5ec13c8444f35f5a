"""A connection that proves the address: what of it cannot be used, and what stands in between, is one clear error."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from tracker.errors import Misconfigured
from tracker.store.session import ASKING, connect, hang_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tracker.store.session import Bounds, Session

UNUSABLE = (
    ValueError,
    ssl.SSLCertVerificationError,
    asyncpg.ClientConfigurationError,
    asyncpg.ProtocolViolationError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.DataError,
    asyncpg.FeatureNotSupportedError,
)
"""What the driver or the server says of an address with words that they do not know."""

LOST = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
"""What comes of a session whose server is another one at the next statement."""

PATIENCE = 10.0
PROBES = 3

WHO = "select pg_backend_pid()"
MARK = "select set_config('tracker.session', $1, false)"
MARKED = "select current_setting('tracker.session', true)"

POOLED = (
    "a pooler in transaction mode stands between: name Postgres itself, or a pooler in session mode"
    " (pgbouncer: pool_mode = session), because LISTEN, advisory locks and prepared statements need a session"
)


@asynccontextmanager
async def connected(dsn: str, bounds: Bounds = ASKING) -> AsyncIterator[Session]:
    """A connection whose session is its own; raises Misconfigured for an address that cannot be used."""
    driver = await _connect(dsn, bounds)
    try:
        await _require_session(driver, dsn)
        yield driver
    finally:
        driver.terminate() if driver.is_in_transaction() else await hang_up(driver)


async def _connect(dsn: str, bounds: Bounds) -> Session:
    try:
        return await connect(dsn, bounds, statement_cache_size=0)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
        raise
    except UNUSABLE as error:
        said = " ".join(str(error).split())
        raise Misconfigured(f"cannot be used: {said}", key="database.url") from error


async def _require_session(driver: Session, dsn: str) -> None:
    """Whoever is told another process than the one that greeted it speaks through a pooler."""
    try:
        if await driver.fetchval(WHO, timeout=PATIENCE) == driver.get_server_pid():
            return
        async with _another(dsn) as other:
            if await _keep_apart(driver, other):
                return
    except LOST:
        pass
    except asyncpg.PostgresConnectionError as error:
        if "statement pooling" not in str(error):
            raise
    raise Misconfigured(POOLED, key="database.url")


@asynccontextmanager
async def _another(dsn: str) -> AsyncIterator[Session]:
    other = await connect(dsn, statement_cache_size=0)
    try:
        yield other
    finally:
        other.terminate()


async def _keep_apart(driver: Session, other: Session) -> bool:
    """Whether what is set on the one stays there, and is not seen by the other, whose transaction is open."""
    for _ in range(PROBES):
        mark = str(uuid4())
        await driver.fetchval(MARK, mark, timeout=PATIENCE)
        async with other.transaction():
            if await other.fetchval(MARKED) == mark:
                return False
            with suppress(TimeoutError):
                if await driver.fetchval(MARKED, timeout=PATIENCE) == mark:
                    continue
            return False
    return True
