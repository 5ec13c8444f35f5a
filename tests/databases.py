"""Databases of a test server, made and dropped over one connection, in a thread of its own beside the tests."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

FIRST_WITH_STRATEGIES = 15


class Databases:
    """Clones of a template are made one ahead of who asks, and dropped behind whoever is done with one."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._thread = ThreadPoolExecutor(1, "databases")
        self._runner = asyncio.Runner()
        self._numbers = count(1)
        self._template = ""
        self._ahead: Future[str] | None = None
        self._behind: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._connection = self._begin(asyncpg.connect(self._server)).result()
        return self

    def __exit__(self, *_: object) -> None:
        if self._ahead:
            self.drop(self._ahead.result())
        if self._template:
            self.drop(self._template)
        try:
            for dropped in self._behind:
                dropped.result()
        finally:
            self._begin(self._connection.close()).result()
            self._thread.submit(self._runner.close).result()
            self._thread.shutdown()

    def empty(self) -> str:
        """The DSN of a new database with nothing in it."""
        return self._begin(self._create()).result()

    def is_template(self, dsn: str) -> None:
        """From now on this is what is cloned; nobody may be connected to it any more."""
        self._template = dsn

    def clone(self) -> str:
        """The DSN of a new database that is like the template."""
        clone = self._ahead or self._begin(self._create(self._template))
        self._ahead = self._begin(self._create(self._template))
        return clone.result()

    def drop(self, dsn: str) -> None:
        """Be rid of it, whoever is still connected; nobody waits for that."""
        self._behind.append(self._begin(self._drop(dsn)))

    def _begin(self, work: Coroutine[object, object, T]) -> Future[T]:
        return self._thread.submit(self._runner.run, work)

    async def _create(self, template: str = "") -> str:
        name = f"tracker_test_{os.getpid()}_{next(self._numbers)}"
        origin = f" template {_name(template)}" if template else ""
        if template and self._connection.get_server_version().major >= FIRST_WITH_STRATEGIES:
            origin += " strategy file_copy"  # half of what wal_log, the default, costs
        await self._connection.execute(f"create database {name}{origin}")
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))

    async def _drop(self, dsn: str) -> None:
        await self._connection.execute(f"drop database {_name(dsn)} with (force)")


def _name(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")
