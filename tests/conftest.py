"""A Postgres for each test worker, and in it a freshly migrated database for each test that asks for one."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store.database import Database, set_codecs
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

OUTSIDE = "TRACKER_TEST_DATABASE_URL"
QUICK = {"fsync": "off", "full_page_writes": "off"}  # no test pulls the plug of the machine
NUMBERS = count(1)

settings.register_profile("default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), max_examples=200, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests go on that could go on for ever."""
    parser.addoption("--chaos-faults", type=int, default=20, help="how many faults to do harm with under load")
    parser.addoption("--chaos-seed", type=int, default=0, help="the plan of an earlier run; 0 draws another one")
    parser.addoption("--posts", type=int, default=80, help="how many posts to retry through outages and kills")
    parser.addoption("--cases", type=int, default=12, help="how many histories to live through and then to replay")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The one event loop that the product runs on."""
    return "asyncio", {}


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server where this worker may make databases: an embedded one, or the one that the environment names."""
    if outside := os.environ.get(OUTSIDE):
        yield outside
        return
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), QUICK) as server:
        yield server.dsn


@pytest.fixture(scope="session")
def template(postgres_url: str) -> Iterator[str]:
    """The name of a database that has every migration, to be cloned and never to be connected to."""
    with _own_database(postgres_url) as name:
        asyncio.run(upgrade(_with_database(postgres_url, name)))
        yield name


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """The DSN of a migrated database that is this test's own."""
    with _own_database(postgres_url, f"template {template} strategy file_copy") as name:
        yield _with_database(postgres_url, name)


@pytest.fixture(scope="module")
def shared_url(postgres_url: str, template: str) -> Iterator[str]:
    """The DSN of a migrated database for all tests of a module, none of which may change what another sees."""
    with _own_database(postgres_url, f"template {template} strategy file_copy") as name:
        yield _with_database(postgres_url, name)


@pytest.fixture(scope="module")
async def shared_connection(shared_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the module's database, with the product's codecs."""
    connection = await asyncpg.connect(shared_url)
    await set_codecs(connection)
    yield connection
    await connection.close()


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """The DSN of a database with nothing in it."""
    with _own_database(postgres_url) as name:
        yield _with_database(postgres_url, name)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to this test's database, with the product's codecs."""
    connection = await asyncpg.connect(database_url)
    await set_codecs(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """This test's database, opened as the product opens it."""
    async with Database.open(database_url) as database:
        yield database


@contextmanager
def _own_database(server: str, origin: str = "") -> Iterator[str]:
    name = f"tracker_test_{os.getpid()}_{next(NUMBERS)}"
    asyncio.run(_execute(server, f"create database {name} {origin}"))
    try:
        yield name
    finally:
        asyncio.run(_execute(server, f"drop database {name} with (force)"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        if "file_copy" in statement and connection.get_server_version().major < 15:
            statement = statement.replace("strategy file_copy", "")
        await connection.execute(statement)
    finally:
        await connection.close()


def _with_database(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
