"""A Postgres for each test worker, and in it a freshly migrated database for each test that asks for one."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import psutil
import pytest
from hypothesis import HealthCheck, settings

from tests.databases import Databases
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store.database import Database, set_codecs
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

OUTSIDE = "TRACKER_TEST_DATABASE_URL"
QUICK = {"fsync": "off", "full_page_writes": "off"}  # no test pulls the plug of the machine

MEMORY = Path("/dev/shm")  # noqa: S108  (what pytest makes in it is nobody else's)
ROOM = 6 * 2**30
"""In bytes: what a run may keep in memory, with room to spare."""

WAITING = Path(__file__).parent / "acceptance"

settings.register_profile("default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), max_examples=200, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the tests go on that could go on for ever."""
    parser.addoption("--chaos-faults", type=int, default=20, help="how many faults to do harm with under load")
    parser.addoption("--chaos-seed", type=int, default=0, help="the plan of an earlier run; 0 draws another one")
    parser.addoption("--posts", type=int, default=80, help="how many posts to retry through outages and kills")
    parser.addoption("--cases", type=int, default=12, help="how many histories to live through and then to replay")


def pytest_configure() -> None:
    """Keep the folders of tests in memory where there is room, for most of what a new database costs is its files.

    And look for no garbage while tests are collected: next to nothing of what is made then is.
    """
    gc.disable()
    if MEMORY.is_dir() and min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish() -> None:
    """Look for garbage among what the tests make, and not among the tests."""
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors, for half of the workers begin with tests that mostly wait."""
    return (psutil.cpu_count() or 1) + 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let half of the workers begin with the tests that mostly wait, so that the others use the processors meanwhile.

    Each worker is given a run of the list, all of one length; who is done takes over the end of another's.
    """
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    waiting = [item for item in items if item.path.is_relative_to(WAITING)]
    rest = [item for item in items if not item.path.is_relative_to(WAITING)]
    if len(waiting) > len(rest):
        return
    waiters, left = max(1, workers // 2), len(items)
    items.clear()
    for worker in range(workers):
        begun = len(items)
        size = (left - begun) // (workers - worker)
        items += waiting[worker::waiters] if worker < waiters else []
        cut = max(0, begun + size - len(items))
        items += rest[:cut]
        del rest[:cut]


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
def databases(postgres_url: str) -> Iterator[Databases]:
    """What makes the databases of this worker, most of them as copies of one that has every migration."""
    with Databases(postgres_url) as databases:
        template = databases.empty()
        asyncio.run(upgrade(template))
        databases.is_template(template)
        yield databases


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The DSN of a migrated database that is this test's own."""
    yield (url := databases.clone())
    databases.drop(url)


@pytest.fixture(scope="module")
def shared_url(databases: Databases) -> Iterator[str]:
    """The DSN of a migrated database for all tests of a module, none of which may change what another sees."""
    yield (url := databases.clone())
    databases.drop(url)


@pytest.fixture(scope="module")
async def shared_database(shared_url: str) -> AsyncIterator[Database]:
    """The module's database, opened as the product opens it."""
    async with Database.open(shared_url) as database:
        yield database


@pytest.fixture(scope="module")
async def shared_connection(shared_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the module's database, with the product's codecs."""
    connection = await asyncpg.connect(shared_url)
    await set_codecs(connection)
    yield connection
    await connection.close()


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """The DSN of a database with nothing in it."""
    yield (url := databases.empty())
    databases.drop(url)


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
