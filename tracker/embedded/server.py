"""The Postgres that the settings name: somebody's, or an embedded one of our own; and the way in once it is ready."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from tracker.embedded import vigil
from tracker.embedded.cluster import Cluster
from tracker.embedded.embedded import START, EmbeddedPostgres
from tracker.errors import Unavailable
from tracker.runtime.logger import Logger
from tracker.store import migrations
from tracker.store.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tracker.settings import Settings

log = Logger(__name__)

PATIENCE = 60.0
LOOK_EVERY, KNOCK_EVERY = 0.5, 1.5


def is_made(settings: Settings) -> bool:
    """Whether there is a database at all: an embedded one is made by its first start."""
    return bool(settings.database.url.get_secret_value()) or Cluster(_folder(settings)).data.exists()


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


async def kept_running(server: EmbeddedPostgres, patience: float = vigil.PATIENCE) -> None:
    """Until cancelled: start the server anew when it has ended, and end it when it hangs.

    What may take long is done beside the event loop; only the start is not, because the server ends with the thread
    that has started it.
    """
    watch, knocked, loop = server.vigil(patience), 0.0, asyncio.get_running_loop()
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if watch and loop.time() - knocked > min(KNOCK_EVERY, patience / 4):
            knocked = loop.time()
            if await asyncio.to_thread(watch.hangs):
                log.error("postgres.hangs", advice="it is ended and started anew")
                await asyncio.to_thread(server.end_at_once)
        if server.has_ended():
            server.launch(await asyncio.to_thread(server.clear))
            log.warning("postgres.revived")
            watch = server.vigil(patience)


def _folder(settings: Settings) -> Path:
    return settings.database.data_dir / "postgres"
