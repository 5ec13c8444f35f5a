"""Migrations: forward, once, under a lock, unaltered, and in step with the tables."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import DefaultClause
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tracker.errors import Misconfigured, Unavailable
from tracker.store.migrations import migrations_folder, require_current, status, upgrade
from tracker.store.tables.metadata import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection

pytestmark = pytest.mark.anyio

FILES = sorted((migrations_folder() / "versions").glob("*.py"))
REVISIONS = [file.name[:4] for file in FILES]
PARTITION = re.compile(r"_(v\d+|\d{8})$")
TABLES = {table.name for table in METADATA.sorted_tables}
KEYS_AND_DEFAULTS = """
select relname as name, attname as column, coalesce(attnum = any(conkey), false) as key,
       coalesce(pg_get_expr(adbin, adrelid), nullif(attidentity::text, '')) as default
  from pg_attribute a
  join pg_class c on c.oid = attrelid and relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  left join pg_constraint on conrelid = attrelid and contype = 'p'
 where attnum > 0 and not attisdropped
"""


def ours(name: str | None, kind: str, _parents: object) -> bool:
    return not (kind == "table" and name and PARTITION.search(name))


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": False, "include_name": ours}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def test_the_numbers_in_the_names_are_the_order_in_which_they_are_applied() -> None:
    """The service reads the names alone, and leaves what applies them unloaded."""
    scripts = reversed(list(ScriptDirectory(migrations_folder()).walk_revisions()))
    assert [(script.revision, Path(script.path).name[:4]) for script in scripts] == [(n, n) for n in REVISIONS]


async def test_the_tables_are_what_the_migrations_make(database_url: str) -> None:
    """No drift: columns, types, nullability, foreign keys and indexes agree."""
    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: asyncpg.connect(database_url)
    )
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_keys_and_defaults_are_what_the_migrations_make(connection: asyncpg.Connection) -> None:
    """No drift in what Alembic does not compare: primary keys, defaults and identities."""
    columns = {
        (table.name, column.name): (column.primary_key, declared_default(column))
        for table in METADATA.sorted_tables
        for column in table.columns
    }
    rows = await connection.fetch(KEYS_AND_DEFAULTS)
    assert {
        (row["name"], row["column"]): (row["key"], row["default"]) for row in rows if row["name"] in TABLES
    } == columns


def declared_default(column: Column[Any]) -> str | None:
    declared = column.server_default
    return str(declared.arg) if isinstance(declared, DefaultClause) else "a" if column.identity else None


async def test_an_empty_database_is_brought_to_the_newest_schema(empty_database_url: str) -> None:
    """Each migration is applied and reported in turn, and a second upgrade has nothing to do."""
    told: list[str] = []
    assert await upgrade(empty_database_url, told.append) == REVISIONS == told
    assert await upgrade(empty_database_url) == []
    await require_current(empty_database_url)


async def test_two_upgrades_at_once_both_succeed(empty_database_url: str) -> None:
    """One of them does the work, the other waits for it."""
    applied = await asyncio.gather(upgrade(empty_database_url), upgrade(empty_database_url))
    assert sorted(applied) == [[], REVISIONS]


async def test_a_database_that_is_behind_is_refused(empty_database_url: str) -> None:
    """With the command that helps."""
    with pytest.raises(Misconfigured, match="tracker db upgrade"):
        await require_current(empty_database_url)
    assert (await status(empty_database_url)).pending == tuple(REVISIONS)


async def test_a_newer_schema_is_refused(database_url: str, connection: asyncpg.Connection) -> None:
    """Old code on a newer database neither starts nor upgrades."""
    await connection.execute("update alembic_version set version_num = '9999'")
    for refuse in (require_current, upgrade):
        with pytest.raises(Misconfigured, match=r"9999.*newer"):
            await refuse(database_url)


async def test_an_altered_migration_is_refused(database_url: str, connection: asyncpg.Connection) -> None:
    """What was applied and what the code has now must be the same file."""
    await connection.execute("update migration_checksums set sha256 = 'x' where revision = '0002'")
    for refuse in (require_current, upgrade):
        with pytest.raises(Misconfigured, match=r"migration 0002 .*must not be edited"):
            await refuse(database_url)


async def test_a_migration_that_fails_leaves_those_before_it(empty_database_url: str) -> None:
    """Each has a transaction of its own: the failed one leaves nothing, the earlier ones stay."""
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("create table nodes ()")  # the second table that migration 0002 makes
    with pytest.raises(asyncpg.DuplicateTableError):
        await upgrade(empty_database_url)
    found = await status(empty_database_url)
    assert (found.current, found.pending) == (REVISIONS[0], tuple(REVISIONS[1:]))
    assert await connection.fetchval("select to_regclass('subscriptions')::text") is None
    await connection.execute("drop table nodes")
    assert await upgrade(empty_database_url) == REVISIONS[1:]
    await connection.close()


async def test_a_table_in_use_is_waited_for_only_so_long(empty_database_url: str) -> None:
    """Whoever upgrades is told to try again, and nobody queues behind the upgrade for ever."""
    connection = await asyncpg.connect(empty_database_url)
    await upgrade(empty_database_url)
    await connection.execute("update alembic_version set version_num = '0005'; drop table sessions, api_keys")
    await connection.execute("delete from migration_checksums where revision > '0005'")
    async with connection.transaction():
        await connection.execute("lock table alembic_version in share mode")
        with pytest.raises(Unavailable, match="again"):
            await upgrade(empty_database_url)
    await connection.close()


async def test_a_database_that_is_away_is_unavailable() -> None:
    """Nobody has to mend anything: it is tried again."""
    with pytest.raises(Unavailable):
        await status("postgresql://nobody@/nothing?host=/nowhere&port=1")


@pytest.mark.parametrize("file", FILES, ids=REVISIONS)
def test_each_migration_gives_up_a_lock_it_cannot_get(file: Path) -> None:
    """A migration that queues for a lock stops everybody who queues behind it."""
    body = file.read_text().partition("def upgrade")[2].splitlines()
    assert re.fullmatch(r"""\s+op\.execute\("set local lock_timeout = '\d+s'"\)""", body[1])
    assert "def downgrade" not in file.read_text()
