"""Tables of drift: what payloads usually look like, how far the log was read for that, and what has changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Integer
from sqlmodel import SQLModel

from tracker.store.tables.columns import BIG, BYTES, JSON, MOMENT, TEXT, TEXTS, PgSnapshot, column, primary


class UsualShape(SQLModel, table=True):
    """What the payloads of one event usually look like."""

    __tablename__ = "shapes"

    provider: str = primary(TEXT)
    event: str = primary(TEXT)
    usual: bytes = column(BYTES)
    last_at: datetime = column(MOMENT)


class ShapesRead(SQLModel, table=True):
    """How far the log was read for that; one row."""

    __tablename__ = "shapes_read"

    name: str = primary(TEXT)
    epoch: int = column(Integer)
    seen: str = column(PgSnapshot)
    read_at: datetime = column(MOMENT)


class DriftFound(SQLModel, table=True):
    """One thing that has changed in the payloads of an event."""

    __tablename__ = "drifts"

    provider: str = primary(TEXT)
    event: str = primary(TEXT)
    drift: str = primary(TEXT)
    path: str = primary(TEXT)
    found: str = primary(TEXT)
    since: datetime = column(MOMENT)
    ended_at: datetime | None = column(MOMENT)
    last_at: datetime = column(MOMENT)
    times: int = column(Integer)
    events: int = column(BIG)
    posts: list[str] = column(TEXTS)
    said: dict[str, Any] = column(JSON)
