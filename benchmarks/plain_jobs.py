"""Jobs in a plain table: the simplest loop that survives a crash, and a queue that records attempts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.turns import done, go, rounds

if TYPE_CHECKING:
    from tracker.store.database import Connection, Database

PAGE = 16

TABLES = """
create table plain_jobs (
  id bigint primary key, payload jsonb not null, state text not null default 'pending', finished_at timestamptz
);
create index plain_jobs_pending on plain_jobs (id) where state = 'pending';
create table plain_attempts (job bigint primary key, began_at timestamptz not null, ended_at timestamptz, outcome text)
"""
FILL = "insert into plain_jobs (id, payload) select n, '{}' from generate_series($1::bigint, $2::bigint) n"
ONE = """
update plain_jobs set state = 'done', finished_at = now()
 where id = (select id from plain_jobs where state = 'pending' order by id limit 1 for update skip locked)
returning id
"""
CLAIM = """
with claimed as (
  update plain_jobs set state = 'claimed'
   where id in (select id from plain_jobs where state = 'pending' order by id limit $1 for update skip locked)
  returning id, payload
), begun as (
  insert into plain_attempts (job, began_at) select id, now() from claimed
)
select * from claimed
"""
ENDED = "update plain_attempts set ended_at = now(), outcome = 'done' where job = $1"
FINISH = "update plain_jobs set state = 'done', finished_at = now() where id = $1 and state = 'claimed'"


async def by_loop(database: Database, count: int) -> None:
    """One statement takes a job and ends it."""
    async with database.connection() as conn:
        await conn.execute(TABLES)
        for number in rounds():
            await _fill(conn, count, number)
            go()
            while await conn.fetchval(ONE):
                pass
            done(count)


async def by_queue(database: Database, count: int) -> None:
    """A page is claimed at once; each of its jobs ends in a transaction of its own, with its attempt."""
    async with database.connection() as conn:
        await conn.execute(TABLES)
        for number in rounds():
            await _fill(conn, count, number)
            go()
            while page := await conn.fetch(CLAIM, PAGE):
                await asyncio.gather(*(_end(database, row["id"]) for row in page))
            done(count)


async def _fill(conn: Connection, count: int, number: int) -> None:
    await conn.execute(FILL, number * count + 1, (number + 1) * count)
    await conn.execute("analyze plain_jobs")


async def _end(database: Database, job: int) -> None:
    async with database.transaction() as conn:
        await conn.execute(ENDED, job)
        await conn.execute(FINISH, job)
