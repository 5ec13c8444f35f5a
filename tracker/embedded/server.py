"""The Postgres that the settings name: somebody's, or an embedded one of our own; and the way in once it is ready."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from tracker.embedded import START
from tracker.errors import Unavailable
from tracker.runtime.logger import Logger
from tracker.store import migrations
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tracker.embedded.embedded import EmbeddedPostgres
    from tracker.settings import Settings

log = Logger(__name__)

PATIENCE = 60.0


def is_made(settings: Settings) -> bool:
    """Whether there is a database at all: an embedded one is made by its first start."""
    if settings.database.url.get_secret_value():
        return True
    from tracker.embedded.cluster import Cluster  # noqa: PLC0415  (only where it is needed)

    return Cluster(_folder(settings)).data.exists()


def require_made(settings: Settings) -> None:
    """Raise Unavailable where there is no database yet."""
    if not is_made(settings):
        raise Unavailable(f"there is no database yet in {_folder(settings)}: `tracker serve` makes it")


@contextmanager
def postgres(settings: Settings, patience: float = START) -> Iterator[tuple[str, EmbeddedPostgres | None]]:
    """The DSN to use, and the embedded server where that is what it names.

    One that somebody else has started is waited for `patience` seconds; raises Unavailable after that.
    """
    url = settings.database.url.get_secret_value()
    if url:
        yield url, None
        return
    from tracker.embedded.embedded import EmbeddedPostgres  # noqa: PLC0415  (only where it is needed)

    with EmbeddedPostgres(_folder(settings), patience=patience) as server:
        yield server.dsn, server


@asynccontextmanager
async def opened(dsn: str, *, migrate: bool, size: int = 10, patience: float = PATIENCE) -> AsyncIterator[Database]:
    """The database, once it answers and its schema is ours; raises Unavailable after `patience` seconds."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            if migrate:
                await migrations.upgrade(dsn)
            await migrations.require_current(dsn)
            break
        except Unavailable as error:
            if asyncio.get_running_loop().time() >= deadline:
                raise
            log.warning("database.waiting", error=str(error))
            await asyncio.sleep(1)
    async with Database.open(dsn, size=size) as database:
        yield database


def _folder(settings: Settings) -> Path:
    return settings.database.data_dir / "postgres"
