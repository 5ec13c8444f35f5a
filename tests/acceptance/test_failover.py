"""Postgres fails over to a standby: the door asks for patience meanwhile, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import closing
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.acceptance.postgres_server import PostgresServer, until_told
from tests.acceptance.service import Service, free_port
from tests.acceptance.test_burst import SECRET, webhook
from tracker.queries import health

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

STREAMS = "select exists (select from pg_stat_replication where state = 'streaming')"
WAITED_FOR = "select exists (select from pg_stat_replication where sync_state = 'quorum')"
QUORUM = "alter system set synchronous_standby_names = 'ANY 1 (second)'"
PROJECTED = """
select count(*) from posts p join projections v on v.version = p.projection and v.current where p.post = any($1)
"""


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[PostgresServer, PostgresServer]]:
    """A primary, and a standby that it does not wait for yet."""
    first, second = PostgresServer(tmp_path, "first"), PostgresServer(tmp_path, "second")
    try:
        first.make()
        await first.start()
        second.follow(first)
        await second.start()
        await until_told(lambda: first.ask(STREAMS), "the standby streams")
        yield first, second
    finally:
        first.kill()
        second.kill()


async def wait_for_standby(primary: PostgresServer) -> None:
    """Have the primary commit nothing that the standby has not."""
    await primary.ask(QUORUM)
    await primary.ask("select pg_reload_conf()")
    await until_told(lambda: primary.ask(WAITED_FOR), "the standby is waited for")


async def risk(dsn: str) -> str:
    """What doctor says of the way in which this server may lose something."""
    connection = await asyncpg.connect(dsn)
    try:
        return await health.may_lose(connection)
    finally:
        await connection.close()


async def test_nothing_acknowledged_is_lost_and_the_door_asks_for_patience_until_the_promotion(
    tmp_path: Path, pair: tuple[PostgresServer, PostgresServer]
) -> None:
    """The address names both servers; the one that takes writes is found by itself."""
    first, second = pair
    await wait_for_standby(first)
    hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    service = Service(
        tmp_path / "service", free_port(), dsn=f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write",
        lease="2s", provider="http://127.0.0.1:9", secret=SECRET, sink="http://127.0.0.1:9/",
    )  # fmt: skip
    crowd = Crowd()
    try:
        service.start()
        await service.ready()
        sending = [asyncio.create_task(crowd.send(service.port)) for _ in range(4)]
        await until_told(lambda: more_than(crowd, 100), "webhooks are taken")
        first.kill()
        await asyncio.wait_for(crowd.refused.wait(), 20)
        before = len(crowd.taken)
        assert await second.ask("select pg_promote()")
        await until_told(lambda: more_than(crowd, before + 100), "webhooks are taken again")
        crowd.enough = True
        await asyncio.wait_for(asyncio.gather(*sending), 20)
        assert crowd.answers == {(200, False), (503, True)}
        kept = await second.ask("select count(*) from deliveries where delivery = any($1)", list(crowd.taken))
        assert kept == len(crowd.taken)
        posts = [f"p{delivery[1:]}" for delivery in crowd.taken]
        await until_told(lambda: all_of(second, posts), "each of them is a post")
        assert await second.ask("select count(*) = count(distinct body_hash) from events")
    finally:
        service.kill()


class Crowd:
    """Who sends one webhook after another until it is enough; `answers` are statuses, and whether they say when."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.taken, self.answers = set[str](), set[tuple[int, bool]]()
        self.refused, self.enough = asyncio.Event(), False

    async def send(self, port: int) -> None:
        """One after another over one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            while not self.enough:
                delivery, sent = webhook(next(self._numbers))
                writer.write(sent)
                head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).lower()
                await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
                status = int(head[9:12])
                self.answers.add((status, b"\r\nretry-after: " in head))
                if status == 200:
                    self.taken.add(delivery)
                else:
                    self.refused.set()


async def more_than(crowd: Crowd, number: int) -> bool:
    """Whether more than so many were taken."""
    return len(crowd.taken) > number


async def all_of(server: PostgresServer, posts: list[str]) -> bool:
    """Whether each of the posts is there."""
    return bool(await server.ask(PROJECTED, posts) == len(posts))


async def test_a_standby_that_nothing_waits_for_is_named_to_whoever_may_see_it(
    pair: tuple[PostgresServer, PostgresServer],
) -> None:
    first, second = pair
    await first.ask("create role ordinary login")
    ordinary = first.dsn.replace("postgres@", "ordinary@")
    assert await risk(first.dsn) == ("a failover may lose what was acknowledged: no standby is synchronous, of second")
    assert await risk(ordinary) == await risk(second.dsn) == ""
    await first.ask("grant pg_monitor to ordinary")
    assert "no standby is synchronous" in await risk(ordinary)
    await wait_for_standby(first)
    assert await risk(first.dsn) == await risk(ordinary) == ""
    await first.ask("alter role ordinary set synchronous_commit = local")
    assert "synchronous_commit is local" in await risk(ordinary)
