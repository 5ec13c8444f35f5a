"""The lists and the pages of one post, with many posts in the store: how long each takes over HTTP, one at a time.

`python -m benchmarks.lists [--posts N] [--events N] [--times N] [--folder F]`. The store is filled by SQL: events and
transitions are spread evenly over the posts and over thirty days, and one post has a thousand of them. With --folder it
is kept there, and used again by the next run.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import httpx2
import uvicorn
import uvloop

from benchmarks.measuring import a_database, machine, until_open
from benchmarks.processing import readers
from tracker.api.application import Parts, application
from tracker.dashboard import handlers
from tracker.embedded.embedded import EmbeddedPostgres
from tracker.store import keys
from tracker.store.database import Database
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 18092
NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
DAYS = 30
CHUNK = 500_000
WARMING = 2
LONGEST = 60_000
"""Milliseconds for one question, however often it is to be asked."""

BIG, OF_THE_BIG = "post_big", 1000
"""The newest events are all of one post."""

POSTS = f"""
insert into posts (projection, provider, post, bucket, state, attempt, version, platforms, accounts, entered_at,
                   scheduled_at, published_at, failed_at, last_event_at, first_day, last_day, fold)
select 1, 'sosyalkopru', post, n % 16, state, 1, 3, array[platform], array[account], at, at - interval '10 s',
       case state when 'published' then at end, case state when 'failed' then at end, at, at::date, at::date,
       jsonb_build_object(
         'provider', 'sosyalkopru', 'id', post, 'state', state, 'attempt', 1, 'version', 3, 'whole', null,
         'targets', jsonb_build_object(platform || ':' || account, jsonb_build_object(
           'platform', platform, 'account', account, 'ordinal', 1, 'state', state, 'attempt', 1, 'entered_at', at,
           'named', true, 'url', 'https://' || platform || '.example/' || n,
           'problem', case state when 'failed' then jsonb_build_object(
             'code', 'rate_limit', 'message', 'too many posts for ' || account, 'retryable', true) end)),
         'entered_at', at, 'scheduled_at', at - interval '10 s', 'published_at', null, 'failed_at', null,
         'last_event_at', at, 'last_order', null, 'notes', '[]'::jsonb, 'labels', '{{}}'::jsonb)
  from (select n, case n when 0 then '{BIG}' else 'post_' || n end as post,
               $4::timestamptz - (n + 0.5) * $3::interval as at,
               (array['instagram', 'x', 'tiktok', 'linkedin', 'facebook'])[1 + n % 5] as platform,
               'acc_' || n % 5000 as account,
               case when n % 1000 = 1 then 'publishing' when n % 50 = 0 then 'failed'
                    when n % 100 = 3 then 'scheduled' else 'published' end as state
          from generate_series($1::bigint, $2::bigint) n) one
"""

POST = f"case when n < {OF_THE_BIG} then '{BIG}' else 'post_' || n % $5 end"

EVENTS = f"""
insert into events (day, epoch, bucket, source, provider, delivery, body_hash, kind, post, part, occurred_at,
                    received_at, conflict, headers, body)
select at::date, 1, n % 16, 'sosyalkopru', 'sosyalkopru', 'd-' || n, decode(md5(n::text), 'hex'), 'post.published',
       {POST}, 0, at, at, false, '{{}}',
       convert_to('{{"event":"post.published","timestamp":"2026-11-10T12:00:00Z","data":{{"postId":"' || {POST}
                  || '","status":"PUBLISHED"}}}}', 'UTF8')
  from (select n, $4::timestamptz - (n + 0.5) * $3::interval as at from generate_series($1::bigint, $2::bigint) n) one
 order by one.n desc
"""

TRANSITIONS = f"""
insert into transitions (cause, received_at, occurred_at, attempt, projection, superseded, again, provider, post,
                         before, after)
select n, at, at, 1, 1, false, false, 'sosyalkopru', {POST}, 'publishing', 'published'
  from (select n, $4::timestamptz - (n + 0.5) * $3::interval as at from generate_series($1::bigint, $2::bigint) n) one
 order by one.n desc
"""


def lists(deep: dict[str, str]) -> dict[str, str]:
    """What is asked, by what it is called."""
    api = "/api/v1"
    return {
        "posts, the newest": f"{api}/posts",
        "posts, failed": f"{api}/posts?state=failed",
        "posts, failed or publishing": f"{api}/posts?state=failed,publishing",
        "posts, a page far down": f"{api}/posts?cursor={deep['posts']}",
        "posts of one hour": f"{api}/posts?since=2026-11-01T10:00:00Z&until=2026-11-01T11:00:00Z",
        "posts, stuck for an hour": f"{api}/posts?stuck_for=1h&sort=last_event_at",
        "posts of a platform": f"{api}/posts?platform=tiktok",
        "posts of an account": f"{api}/posts?account=acc_4321",
        "posts of an account that has none": f"{api}/posts?account=acc_none",
        "posts, searched by id": f"{api}/posts?q=post_777777",
        "posts, searched by a word of an error": f"{api}/posts?q=rate_limit",
        "posts, searched in vain": f"{api}/posts?q=no_such_thing",
        "posts, by when they were published": f"{api}/posts?sort=-published_at",
        "posts, by when they are due": f"{api}/posts?sort=scheduled_at",
        "events": f"{api}/events",
        "events of a post": f"{api}/events?post={BIG}",
        "events of a type": f"{api}/events?type=post.failed",
        "one post": f"{api}/posts/post_4242",
        "one post with 1,000 events": f"{api}/posts/{BIG}",
        "… its history": f"{api}/posts/{BIG}/history",
        "… its page on the dashboard": f"/posts/{BIG}",
        "the list on the dashboard": "/posts",
        "the overview": "/",
        "figures of a day": f"{api}/stats?since=2026-11-09T12:00:00Z",
        "figures of 30 days": f"{api}/figures?span=30d&group=provider",
        "the page of an account": "/accounts/acc_4321",
    }


async def fill(dsn: str, posts: int, events: int) -> None:
    """The store, from the oldest on."""
    connection = await asyncpg.connect(dsn)
    for day in range(DAYS + 2):
        await event_log.ensure_day(connection, (NOW - timedelta(days=day)).date())
    for statement, count in ((POSTS, posts), (EVENTS, events), (TRANSITIONS, events)):
        step, more = timedelta(days=DAYS) / count, () if statement is POSTS else (posts,)
        for begin in range((count - 1) // CHUNK * CHUNK, -1, -CHUNK):
            await connection.execute(statement, begin, min(begin + CHUNK, count) - 1, step, NOW, *more)
        print(f"{count:,} rows of {statement.split()[2]}", flush=True)
    await connection.execute(
        "update posts set first_day = $2 where post = $1", BIG, (NOW - timedelta(days=DAYS)).date()
    )
    await connection.execute("vacuum analyze")
    await connection.close()


async def serve(dsn: str) -> None:
    async with Database.open(dsn) as database:
        pages = handlers(database, lambda: NOW, open_here=True)
        app = application(Parts(database=database, clock=lambda: NOW, receiver=None, readers=readers(), more=pages))
        await uvicorn.Server(uvicorn.Config(app, port=PORT, lifespan="off", log_level="error")).serve()


@contextmanager
def a_server(dsn: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", "benchmarks.lists", "--serve", dsn]) as process:
        try:
            yield
        finally:
            process.kill()


async def measure(dsn: str, times: int) -> None:
    async with Database.open(dsn, size=1) as database, database.connection() as conn:
        _, key = await keys.create(conn, "benchmark", ["read"], NOW)
    with a_server(dsn):
        await until_open(PORT)
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{PORT}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=300,
            trust_env=False,
        ) as client:
            await _ask_all(client, times)


async def _ask_all(client: httpx2.AsyncClient, times: int) -> None:
    far = (await client.get("/api/v1/posts", params={"until": "2026-10-20T00:00:00Z", "limit": 1})).json()["next"]
    print(f"{'':<40} {'p50 ms':>9} {'p99 ms':>9}")
    for name, address in lists({"posts": far}).items():
        took: list[float] = []
        while len(took) < times + WARMING and sum(took) < LONGEST:
            began = time.perf_counter()
            answer = await client.get(address)
            took.append((time.perf_counter() - began) * 1000)
            if not answer.is_success:
                raise SystemExit(f"{address} answered {answer.status_code}: {answer.text[:300]}")
        took = sorted(took[WARMING:] or took)
        print(f"{name:<40} {took[len(took) // 2]:>9.1f} {took[int(len(took) * 0.99)]:>9.1f}", flush=True)


async def run(folder: Path, posts: int, events: int, times: int) -> None:
    with EmbeddedPostgres(folder) as server:
        async with a_database(server.dsn, size=1) as database, database.connection() as conn:
            known = await conn.fetchval("select exists (select from posts)")
        if not known:
            await fill(server.dsn, posts, events)
        print(machine())
        await measure(server.dsn, times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--serve")
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(options.serve))
        return
    with tempfile.TemporaryDirectory(prefix="tracker-bench-") as folder:
        asyncio.run(run(options.folder or Path(folder), options.posts, options.events, options.times))


if __name__ == "__main__":
    main()
