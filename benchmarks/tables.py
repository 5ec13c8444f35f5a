"""The table that the others keep events in: an event's columns and its dedup key, as one would begin."""

from __future__ import annotations

import asyncio

import asyncpg

PLAIN_EVENTS = """
create table if not exists plain_events (
  source      text not null,
  delivery    text not null,
  body_hash   bytea not null,
  kind        text not null,
  post        text,
  occurred_at timestamptz,
  received_at timestamptz not null default now(),
  headers     jsonb not null,
  body        bytea not null,
  primary key (source, delivery)
)
"""


def make_plain_events(dsn: str) -> None:
    """In that database."""
    asyncio.run(_run(dsn, PLAIN_EVENTS))


def counted(dsn: str, table: str) -> int:
    """How many rows a table of that database has."""
    return int(asyncio.run(_run(dsn, f"select count(*) from {table}")))


def number(dsn: str, query: str) -> int:
    """What a query of that database comes to."""
    return asyncio.run(_run(dsn, query))


async def _run(dsn: str, statement: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement) or 0
    finally:
        await connection.close()
