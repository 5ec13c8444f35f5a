"""Migrations: forward, once, under a lock, unaltered, and in step with the tables."""

from __future__ import annotations

import asyncio
import re
import shutil
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
from tracker.store import migrations
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

ADDED = """
from alembic import op

revision = "{number}"
down_revision = "{newest}"


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    op.script("{statements}")
"""


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, which is what is applied, and to which a test adds its own."""
    copy = tmp_path / "migrations"
    shutil.copytree(migrations_folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "migrations_folder", lambda: copy)
    return copy / "versions"


def add(versions: Path, statements: str) -> str:
    """Write a migration that comes after the newest, and answer its number."""
    newest = max(file.name[:4] for file in versions.glob("[0-9]*.py"))
    number = f"{int(newest) + 1:04}"
    (versions / f"{number}_added.py").write_text(ADDED.format(number=number, newest=newest, statements=statements))
    return number


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


async def test_an_empty_database_is_brought_to_the_newest_schema(empty_database_url: str, versions: Path) -> None:
    """Each migration is applied and reported in turn, and a second upgrade has nothing to do."""
    expected = [*REVISIONS, add(versions, "create table added ()"), add(versions, "alter table added add word text")]
    told: list[str] = []
    assert await upgrade(empty_database_url, told.append) == expected == told
    assert await upgrade(empty_database_url) == []
    await require_current(empty_database_url)


async def test_of_more_migrations_only_those_that_are_new_are_applied(database_url: str, versions: Path) -> None:
    """A database that was made by an older version is brought along, and what is in it stays."""
    added = [add(versions, "create table added ()"), add(versions, "alter table added add word text")]
    with pytest.raises(Misconfigured, match=f"at schema {REVISIONS[-1]} and this version needs {added[-1]}"):
        await require_current(database_url)
    assert (await status(database_url)).pending == tuple(added)
    assert await upgrade(database_url) == added
    await require_current(database_url)


async def test_two_upgrades_at_once_both_succeed(empty_database_url: str, versions: Path) -> None:
    """One of them does the work, the other waits for it."""
    expected = [*REVISIONS, add(versions, "create table added ()")]
    applied = await asyncio.gather(upgrade(empty_database_url), upgrade(empty_database_url))
    assert sorted(applied) == [[], expected]


async def test_a_database_that_is_behind_is_refused(empty_database_url: str) -> None:
    """With the command that helps."""
    with pytest.raises(Misconfigured, match="tracker db upgrade"):
        await require_current(empty_database_url)
    assert (await status(empty_database_url)).pending == tuple(REVISIONS)


async def test_a_newer_schema_is_refused(database_url: str, versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old code on a newer database neither starts nor upgrades."""
    newer = add(versions, "create table added ()")
    await upgrade(database_url)
    monkeypatch.undo()
    for refuse in (require_current, upgrade):
        with pytest.raises(Misconfigured, match=rf"schema {newer}.*newer.*{REVISIONS[-1]} is the newest"):
            await refuse(database_url)


async def test_an_altered_migration_is_refused(database_url: str, versions: Path) -> None:
    """What was applied and what the code has now must be the same file, the newest or not."""
    altered, newest = add(versions, "create table added ()"), add(versions, "alter table added add word text")
    assert await upgrade(database_url) == [altered, newest]
    file = versions / f"{altered}_added.py"
    file.write_text(file.read_text().replace("table added ()", "table added (id uuid)"))
    for refuse in (require_current, upgrade):
        with pytest.raises(Misconfigured, match=rf"migration {altered} .*must not be edited"):
            await refuse(database_url)


async def test_a_migration_that_fails_leaves_those_before_it(empty_database_url: str, versions: Path) -> None:
    """Each has a transaction of its own: the failed one leaves nothing, the earlier ones stay."""
    before = [*REVISIONS, add(versions, "create table earlier ()")]
    after = [add(versions, "create table half (); create table taken ()"), add(versions, "create table last ()")]
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("create table taken ()")
    with pytest.raises(asyncpg.DuplicateTableError):
        await upgrade(empty_database_url)
    found = await status(empty_database_url)
    assert (found.current, found.pending, found.altered) == (before[-1], tuple(after), ())
    assert await connection.fetchrow("select to_regclass('earlier')::text, to_regclass('half')::text") == (
        "earlier",
        None,
    )
    await connection.execute("drop table taken")
    assert await upgrade(empty_database_url) == after
    await require_current(empty_database_url)
    await connection.close()


async def test_a_first_migration_that_fails_leaves_nothing(empty_database_url: str) -> None:
    """Whatever subject it fails at, and it succeeds once that is mended."""
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("create table sessions ()")
    with pytest.raises(asyncpg.DuplicateTableError):
        await upgrade(empty_database_url)
    found = await status(empty_database_url)
    assert (found.current, found.pending) == (None, tuple(REVISIONS))
    assert await connection.fetchval("select to_regclass('events')::text") is None
    await connection.execute("drop table sessions")
    assert await upgrade(empty_database_url) == REVISIONS
    await connection.close()


async def test_a_table_in_use_is_waited_for_only_so_long(database_url: str, versions: Path) -> None:
    """Whoever upgrades is told to try again, and nobody queues behind the upgrade for ever."""
    added = add(versions, "alter table nodes add word text")
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("lock table nodes in share mode")
        with pytest.raises(Unavailable, match="again"):
            await upgrade(database_url)
    assert await upgrade(database_url) == [added]
    await connection.close()


async def test_a_table_of_the_migrations_themselves_in_use_is_waited_for_only_so_long(
    database_url: str, versions: Path
) -> None:
    """What SQLAlchemy carries out ends as what the driver does."""
    add(versions, "create table added ()")
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("lock table alembic_version in share mode")
        with pytest.raises(Unavailable, match="again"):
            await upgrade(database_url)
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
