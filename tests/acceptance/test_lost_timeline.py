"""A failover to a standby that had not heard of the last: no place of what was lost is believed, nothing is skipped.

A backup that is brought to an earlier moment is the same: both go on, on another timeline, with transaction ids that
the lost one gave out before.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.acceptance.postgres_server import PostgresServer
from tests.contract.serving import bearer
from tests.contract.streaming import first_id, hear, streaming
from tests.integration.corridor import Corridor
from tests.integration.told import told
from tests.waiting import until
from tracker.store.database import Database
from tracker.store.log.feed import head
from tracker.store.migrations import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from tests.contract.streaming import Heard

pytestmark = pytest.mark.anyio

LOST, AFTER = 30, 120
POSTS = "select post from posts where projection = (select version from projections where current)"


class Site:
    """A service on one of the servers: what is told is projected, and listened to."""

    def __init__(self, corridor: Corridor, client: httpx2.AsyncClient) -> None:
        self.corridor, self.client = corridor, client

    async def tell(self, name: str, number: int) -> set[str]:
        """So many posts, each in a transaction of its own; they must all be projected."""
        names = {f"{name}-{n}" for n in range(number)}
        await self.corridor.tell(*(told(post, "published", 0) for post in sorted(names)))
        assert names <= await self.posts()
        return names

    async def posts(self) -> set[str]:
        return {str(post) for (post,) in await self.corridor.rows(POSTS)}

    async def xid(self) -> int:
        async with self.corridor.database.connection() as conn:
            return (await head(conn)).xmax

    async def epoch(self) -> int:
        async with self.corridor.database.connection() as conn:
            return (await head(conn)).epoch

    async def hear(self, number: int, last: str) -> list[Heard]:
        return await asyncio.wait_for(hear(self.client, number, last), 30)

    async def refusal(self, last: str) -> tuple[int, str]:
        answer = await self.client.get("/api/v1/events/stream", headers={"Last-Event-ID": last})
        return answer.status_code, answer.text


@asynccontextmanager
async def a_site(server: PostgresServer) -> AsyncIterator[Site]:
    async with Database.open(server.dsn, size=6) as database, streaming(database) as client:
        client.headers |= await bearer(database, "read")
        yield Site(await Corridor(database, []).open(), client)


async def _follows_no_more(standby: PostgresServer, primary: PostgresServer) -> None:
    """The standby has all that is there by now, and hears of nothing that comes."""
    there, here = await asyncpg.connect(primary.dsn), await asyncpg.connect(standby.dsn)
    reached = await there.fetchval("select pg_current_wal_lsn()::text")
    await until(lambda: here.fetchval("select pg_last_wal_replay_lsn() >= $1::text::pg_lsn", reached))
    await here.execute("alter system set primary_conninfo = ''")
    await here.execute("select pg_reload_conf()")
    await until(lambda: here.fetchval("select not exists (select from pg_stat_wal_receiver)"))
    await here.close()
    await there.close()


async def _promote(server: PostgresServer) -> None:
    conn = await asyncpg.connect(server.dsn)
    assert await conn.fetchval("select pg_promote()")
    await conn.close()


async def test_nothing_of_a_lost_timeline_is_believed_and_nothing_after_it_is_skipped(tmp_path: Path) -> None:
    first, second, third = (PostgresServer(tmp_path, name) for name in "abc")
    try:
        first.make()
        await first.start()
        await upgrade(first.dsn)
        async with a_site(first) as site:
            begin = await first_id(site.client)
            kept = await site.tell("kept", 5)
            for standby in (second, third):
                standby.follow(first)
                await standby.start()
                await _follows_no_more(standby, first)
            await site.tell("lost", LOST)
            place = (await site.hear(len(kept) + LOST, begin))[-1].id
            lost_xid, old = await site.xid(), await site.epoch()
        first.kill()
        await _promote(second)
        place = await _goes_on(second, place, lost_xid, kept, old)
        second.kill()
        await _promote(third)
        await _refuses(third, place, kept)
    finally:
        for server in (first, second, third):
            server.kill()


async def _goes_on(server: PostgresServer, place: str, lost_xid: int, kept: set[str], old: int) -> str:
    """A place of the epoch that both know misses nothing: the lost ids are given out once more, and more of them."""
    async with a_site(server) as site:
        assert await site.epoch() > old
        anew = await site.tell("second", AFTER)
        assert await site.xid() > lost_xid
        assert await site.posts() == kept | anew
        heard = await site.hear(AFTER, place)
        assert {one.data["post"] for one in heard if one.data} == anew
        return heard[-1].id


async def _refuses(server: PostgresServer, place: str, kept: set[str]) -> None:
    """A place of the epoch that was begun on the server that is lost now, on a timeline of the same number."""
    async with a_site(server) as site:
        anew = await site.tell("third", AFTER + LOST)
        assert await site.posts() == kept | anew
        status, said = await site.refusal(place)
        assert (status, "lost" in said) == (400, True)


async def test_a_standby_is_not_written_to_and_says_so(tmp_path: Path) -> None:
    first, second = (PostgresServer(tmp_path, name) for name in "ab")
    try:
        first.make()
        await first.start()
        await upgrade(first.dsn)
        second.follow(first)
        await second.start()
        with pytest.raises(Exception, match="standby"):
            async with Database.open(second.dsn, size=2):
                pass
    finally:
        first.kill()
        second.kill()
