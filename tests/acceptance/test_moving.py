"""From the embedded Postgres to one of one's own, as the page says, to each version that there is here."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.acceptance.postgres_server import PostgresServer, others
from tests.contract.command_line import CommandLine, said, take
from tracker.embedded.cluster import binaries, major_version
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "move-to-your-own-postgres.md"
EARLIER = [one for one in others() if major_version(one) < 17]
TABLES = """
select relname from pg_class
 where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1
"""


def steps() -> str:
    """What the page has one type between the two Postgres."""
    found: list[str] = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (block,) = [text for text in found if "pg_dump" in text]
    return block


async def content(dsn: str) -> dict[str, list[str]]:
    """Every row of every table, as text and sorted."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = [row["relname"] for row in await connection.fetch(TABLES)]
        return {
            table: [row[0] for row in await connection.fetch(f'select t::text from "{table}" t order by 1')]
            for table in tables
        }
    finally:
        await connection.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """One whose path is as short as people's are, so that the socket is where the page says."""
    with TemporaryDirectory(prefix="move", dir="/tmp") as made:
        yield Path(made)


@pytest.mark.parametrize("programs", [binaries(), *EARLIER], ids=lambda one: str(major_version(one)))
def test_all_of_it_is_there_afterwards_and_the_service_goes_on(folder: Path, programs: Path) -> None:
    own = PostgresServer(folder, "own", programs)
    try:
        own.make()
        asyncio.run(own.start())
        for statement in ("create role tracker login", "create database tracker owner tracker"):
            asyncio.run(own.ask(statement))
        target = own.dsn.replace("postgres@", "tracker@").removesuffix("postgres") + "tracker"
        with EmbeddedPostgres(folder / ".tracker" / "postgres") as embedded:
            asyncio.run(migrations.upgrade(embedded.dsn))
            take(embedded.dsn, *(said(f"post.{state}", f"p{state}", 0) for state in ("published", "failed")))
            before = asyncio.run(content(embedded.dsn))
            typed = subprocess.run(
                ["/bin/bash", "-euo", "pipefail", "-c", f"python() {{ {sys.executable} \"$@\"; }}\n{steps()}"],
                cwd=folder, env={**os.environ, "DATABASE_URL": target}, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert (typed.returncode, typed.stdout, typed.stderr) == (0, "", "")
        assert asyncio.run(content(target)) == before
        assert before["events"]
        tracker = CommandLine(folder).configure(target, port=0)
        assert tracker("db", "status").code == 0
        take(target, said("post.published", "later", 5))
        listed = tracker("posts", "list", "--json").json["items"]
        assert {one["id"] for one in listed} == {"ppublished", "pfailed", "later"}
        assert len(asyncio.run(content(target))["log_epochs"]) == len(before["log_epochs"]) + 1
    finally:
        own.kill()


def test_an_earlier_version_was_tried() -> None:
    """The setting that they do not know is the reason for what the page says."""
    if not EARLIER:
        pytest.skip("there is no Postgres before 17 here, beside the embedded one")
    assert major_version(EARLIER[0]) >= 14
