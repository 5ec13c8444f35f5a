"""An address that cannot be used, and a pooler that keeps no session, are one clear error; all others pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.integration.pooler import needs_pgbouncer, pooler
from tracker.errors import Misconfigured, Unavailable
from tracker.store import migrations
from tracker.store.database import Database

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@needs_pgbouncer
@pytest.mark.parametrize(("mode", "size"), [("transaction", 20), ("transaction", 1), ("statement", 20)])
async def test_a_pooler_that_keeps_no_session_is_named(tmp_path: Path, database_url: str, mode: str, size: int) -> None:
    with (
        pooler(tmp_path / "pooler", database_url, mode, size) as address,
        pytest.raises(Misconfigured, match=r"database\.url: a pooler in transaction mode stands between: .* session"),
    ):
        await migrations.require_current(address)


@needs_pgbouncer
async def test_one_that_others_keep_busy_is_named_too(tmp_path: Path, database_url: str) -> None:
    """Whichever of its connections it gives us."""
    with pooler(tmp_path / "pooler", database_url, "transaction") as address:
        others = [await asyncpg.connect(address, statement_cache_size=0) for _ in range(3)]
        for held in range(3):
            await others[held].execute("begin")
            with pytest.raises(Misconfigured, match="pooler in transaction mode"):
                await migrations.require_current(address)
        for other in others:
            other.terminate()


@needs_pgbouncer
async def test_one_that_keeps_sessions_passes(tmp_path: Path, database_url: str) -> None:
    with pooler(tmp_path / "pooler", database_url, "session") as address:
        await migrations.require_current(address)
        async with Database.open(address) as database, database.transaction() as conn:
            assert await conn.fetchval("select 1") == 1


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("foo=bar", 'unrecognized configuration parameter "foo"'),
        ("lock_timeout=soon", 'invalid value for parameter "lock_timeout": "soon"'),
        ("options=-c%20foo%3Dbar", 'unrecognized configuration parameter "foo"'),
        ("sslmode=verify-full", "root certificate"),
    ],
)
async def test_words_that_driver_and_server_refuse_are_one_line_about_the_address(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: str, says: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Misconfigured) as told:
        await migrations.require_current(f"{database_url}&{more}")
    assert str(told.value).startswith("database.url: cannot be used: ")
    assert says in str(told.value)
    assert "\n" not in str(told.value)


async def test_words_that_the_server_knows_pass(database_url: str) -> None:
    for more in ("application_name=me", "options=-c%20lock_timeout%3D5s", "target_session_attrs=read-write"):
        await migrations.require_current(f"{database_url}&{more}")


async def test_a_server_that_is_away_is_still_away() -> None:
    with pytest.raises(Unavailable):
        await migrations.require_current("postgresql://postgres@/postgres?host=/nowhere&port=5432")
