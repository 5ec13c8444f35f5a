"""The log made into posts by plain SQL, many to a commit: the least that one can do, and less than our fold knows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from benchmarks.stories import fill
from benchmarks.turns import done, go, rounds

if TYPE_CHECKING:
    from tracker.store.database import Connection, Database, Row

PAGE = 500

TABLES = """
create table plain_fold (id text primary key, state text not null, attempt integer not null, updated_at timestamptz);
create table plain_moves (id bigserial primary key, post text not null, before text, after text, event bigint not null);
create index plain_moves_of_post on plain_moves (post)
"""
READ = "select position, post, body from events where position > $1 order by position limit $2"
KNOWN = "select id, state, attempt, updated_at from plain_fold where id = any($1::text[])"
SAVE = """
insert into plain_fold (id, state, attempt, updated_at)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[])
on conflict (id) do update
   set state = excluded.state, attempt = excluded.attempt, updated_at = excluded.updated_at
"""
MOVE = """
insert into plain_moves (post, before, after, event)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
"""

Post = tuple[str, int, datetime]


async def project(database: Database, events: int) -> None:
    """In pages, each a transaction."""
    read = 0
    async with database.connection() as conn:
        await conn.execute(TABLES)
        for number in rounds():
            await fill(database, events, number)
            go()
            while page := await conn.fetch(READ, read, PAGE):
                async with conn.transaction():
                    await _take(conn, page)
                read = page[-1]["position"]
            done(events)


async def _take(conn: Connection, page: list[Row]) -> None:
    rows = await conn.fetch(KNOWN, list({row["post"] for row in page}))
    posts: dict[str, Post] = {row["id"]: (row["state"], row["attempt"], row["updated_at"]) for row in rows}
    moves = [_move(posts, row["post"], json.loads(row["body"]), row["position"]) for row in page]
    ids = {post for post, *_ in moves}
    await conn.execute(SAVE, *_columns([(post, *posts[post]) for post in ids]))
    await conn.execute(MOVE, *_columns(moves))


def _move(posts: dict[str, Post], name: str, said: dict[str, Any], event: int) -> tuple[str, str | None, str, int]:
    status, moment = said["data"]["status"].lower(), datetime.fromisoformat(said["timestamp"])
    before, attempt, updated = posts.get(name, (None, 1, moment))
    if moment >= updated:
        posts[name] = (status, attempt + (before == "failed" and status == "publishing"), moment)
    return name, before, status, event


def _columns(rows: list[Any]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
