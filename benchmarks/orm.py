"""The log made into posts as one would begin: SQLModel, one row at a time; it knows less than our fold does."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import DateTime, LargeBinary, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.stories import fill
from benchmarks.turns import done, go, rounds
from tracker.store.database import Database

READ = text("select position, post, body from events where position > :after order by position limit 500")
AWARE = DateTime(timezone=True)


class PlainPost(SQLModel, table=True):
    """A post: its state is what was said of it last."""

    __tablename__ = "plain_posts"

    id: str = Field(primary_key=True)
    state: str
    attempt: int = 1
    updated_at: datetime = Field(sa_type=AWARE)


class PlainChange(SQLModel, table=True):
    """What an event changed."""

    __tablename__ = "plain_changes"

    id: int | None = Field(default=None, primary_key=True)
    post: str = Field(index=True)
    before: str | None
    after: str
    event: int
    body: bytes = Field(sa_type=LargeBinary)
    occurred_at: datetime = Field(sa_type=AWARE)


async def project(database: Database, events: int, per_commit: int) -> None:
    """Every event: load its post, change it, add a change."""
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database.dsn))
    async with engine.begin() as conn:
        await conn.run_sync(SQLModel.metadata.create_all)
    read = 0
    for number in rounds():
        await fill(database, events, number)
        go()
        async with engine.connect() as reading, AsyncSession(engine, expire_on_commit=False) as session:
            async for position, post, body in _log(reading, read):
                await _take(session, position, post, body)
                read = position
                if position % per_commit == 0:
                    await session.commit()
                    session.expunge_all()
            await session.commit()
        done(events)
    await engine.dispose()


async def _log(reading: AsyncConnection, after: int) -> AsyncIterator[tuple[int, str, bytes]]:
    while page := (await reading.execute(READ, {"after": after})).all():
        for position, post, body in page:
            yield position, post, body
        after = page[-1][0]


async def _take(session: AsyncSession, position: int, name: str, body: bytes) -> None:
    said: dict[str, Any] = json.loads(body)
    status, moment = said["data"]["status"].lower(), datetime.fromisoformat(said["timestamp"])
    post = await session.get(PlainPost, name)
    before = post.state if post else None
    if post is None:
        post = PlainPost(id=name, state=status, updated_at=moment)
    elif moment >= post.updated_at:
        post.attempt += before == "failed" and status == "publishing"
        post.state, post.updated_at = status, moment
    session.add(post)
    session.add(PlainChange(post=name, before=before, after=status, event=position, body=body, occurred_at=moment))
