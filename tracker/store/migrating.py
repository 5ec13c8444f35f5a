"""Migrations carried out by Alembic, on the connection that holds the lock; loaded only where something is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from tracker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlalchemy import Connection

RECORD_CHECKSUM = "insert into migration_checksums (revision, sha256) values ($1, $2)"


async def apply(
    driver: asyncpg.Connection, folder: Path, checksums: Mapping[str, str], progress: Callable[[str], None]
) -> None:
    """Run the migrations that the database lacks; each is recorded with its checksum, and `progress` hears of it."""

    async def give_driver() -> asyncpg.Connection:
        return driver

    engine = create_async_engine("postgresql+asyncpg://", poolclass=StaticPool, async_creator=give_driver)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run_alembic, folder, checksums, progress)
    except (DBAPIError, asyncpg.LockNotAvailableError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if getattr(cause, "sqlstate", None) == asyncpg.LockNotAvailableError.sqlstate:
            raise Unavailable("a table that the upgrade needs is in use for too long: run it again") from error
        raise


def _run_alembic(
    connection: Connection, folder: Path, checksums: Mapping[str, str], progress: Callable[[str], None]
) -> None:
    def applied(*, ctx: Any, step: Any, **_: object) -> None:
        revision = step.up_revision_id
        ctx.connection.exec_driver_sql(RECORD_CHECKSUM, (revision, checksums[revision]))
        progress(revision)

    config = Config(attributes={"connection": connection, "applied": applied})
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    command.upgrade(config, "head")
