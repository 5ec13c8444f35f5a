"""The schema: brought forward under a lock, one transaction for each migration, and checked before we start."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tracker
from tracker.errors import Misconfigured, Unavailable
from tracker.store.database import away_is_unavailable
from tracker.store.first_connection import connected
from tracker.store.session import UNHURRIED, Session

if TYPE_CHECKING:
    from collections.abc import Callable


CHECKSUMS = """
create table if not exists migration_checksums (
  revision   text primary key,
  sha256     text not null,
  applied_at timestamptz not null default now()
)
"""
TABLE_EXISTS = "select to_regclass($1) is not null"
APPLIED = "select revision, sha256 from migration_checksums order by revision"
CURRENT = "select max(version_num) from alembic_version"
TRY_LOCK = "select pg_try_advisory_lock(hashtext('tracker.migrations'))"

LOCK_PATIENCE = 600.0
LOCK_POLL = 0.1


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """Which migrations a database has, lacks, does not know or has in another form, by their numbers, oldest first."""

    current: str | None
    head: str
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    altered: tuple[str, ...]


async def upgrade(dsn: str, progress: Callable[[str], None] | None = None) -> list[str]:
    """Apply what is pending and answer it; of several that upgrade at once, one works and the others wait.

    `progress` hears of each revision once it is committed for good or about to be. Raises Misconfigured for a
    database that is not this code's past, and Unavailable when somebody holds the lock, or a table, for too long.
    """
    with away_is_unavailable():
        async with connected(dsn, UNHURRIED) as driver:
            await _lock(driver)
            await driver.execute(CHECKSUMS)
            found = await _status(driver)
            _refuse_strangers(found)
            if found.pending:
                from tracker.store.migrating import apply  # noqa: PLC0415  (a quarter of all that a service loads)

                await apply(driver, migrations_folder(), _checksums(), progress or (lambda _revision: None))
            return list(found.pending)


async def status(dsn: str) -> MigrationStatus:
    """The database's migrations: applied, pending, and those that do not fit; raises Misconfigured or Unavailable."""
    with away_is_unavailable():
        async with connected(dsn) as driver:
            return await _status(driver)


async def require_current(dsn: str) -> None:
    """Raise Misconfigured unless the database has exactly this code's schema."""
    found = await status(dsn)
    _refuse_strangers(found)
    if found.pending:
        raise Misconfigured(
            f"the database is at schema {found.current or 'nothing'} and this version needs {found.head}:"
            " run `tracker db upgrade`",
            key="database.url",
        )


def migrations_folder() -> Path:
    """The folder of the migrations: beside the package in a checkout, inside it in an installed wheel."""
    package = Path(tracker.__file__).parent
    packaged = package / "_migrations"
    return packaged if packaged.is_dir() else package.parent / "migrations"


async def _lock(driver: Session) -> None:
    # Asked for again and again: to wait inside Postgres would hold a snapshot, and could block the one who works.
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LOCK_PATIENCE
    while not await driver.fetchval(TRY_LOCK):
        if loop.time() > deadline:
            raise Unavailable("another process has been upgrading this database for ten minutes")
        await asyncio.sleep(LOCK_POLL)


def _checksums() -> dict[str, str]:
    """The migrations of this code, oldest first, each with the hash of its file, whose name begins with its number."""
    return {file.name[:4]: _hash(file) for file in sorted((migrations_folder() / "versions").glob("[0-9]*.py"))}


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


async def _status(driver: Session) -> MigrationStatus:
    known = _checksums()
    current = await driver.fetchval(CURRENT) if await driver.fetchval(TABLE_EXISTS, "alembic_version") else None
    recorded = await driver.fetch(APPLIED) if await driver.fetchval(TABLE_EXISTS, "migration_checksums") else []
    applied = {row["revision"]: row["sha256"] for row in recorded}
    names = list(known)
    done = names.index(current) + 1 if current in known else 0
    return MigrationStatus(
        current=current,
        head=names[-1],
        pending=tuple(names[done:]),
        unknown=tuple(sorted({*applied, *([current] if current else [])} - known.keys())),
        altered=tuple(revision for revision in names[:done] if applied.get(revision) != known[revision]),
    )


def _refuse_strangers(found: MigrationStatus) -> None:
    if found.unknown:
        raise Misconfigured(
            f"the database has schema {found.unknown[-1]}, which is newer than this version of tracker"
            f" ({found.head} is the newest that it knows): install the version that wrote it",
            key="database.url",
        )
    if found.altered:
        raise Misconfigured(
            f"migration {', '.join(found.altered)} is not the one that was applied to this database:"
            " a migration must not be edited once it has run",
            file=str(migrations_folder() / "versions"),
        )
