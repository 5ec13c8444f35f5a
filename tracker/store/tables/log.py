"""Tables of the event log: what came in, once, and what was repeated, kept aside or summed up."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlmodel import SQLModel

from tracker.store.tables.columns import (
    BIG,
    BYTES,
    JSON,
    JSON_AS_WRITTEN,
    MOMENT,
    SMALL,
    TEXT,
    Xid8,
    column,
    number,
    primary,
)


class LogEpoch(SQLModel, table=True):
    """A cluster, and a timeline of it, on which the log was written."""

    __tablename__ = "log_epochs"

    epoch: int = primary(Integer)
    system_identifier: str = column(TEXT)
    began_at: datetime = column(MOMENT, "now()")
    timeline: int = column(BIG, "0")


class LogDay(SQLModel, table=True):
    """A partition of the log, open until it is sealed."""

    __tablename__ = "log_days"
    __table_args__ = (ForeignKeyConstraint(["sealed_in"], ["log_epochs.epoch"], name="log_days_sealed_in_fkey"),)

    day: date = primary(Date)
    sealed_by: int | None = column(Xid8)
    sealed_in: int | None = column(Integer)


class Event(SQLModel, table=True):
    """An event, as it came."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_unread", "epoch", "xid", "position"),
        Index("events_of_post", "provider", "post", "position", postgresql_where=text("post is not null")),
        Index("events_by_arrival", "received_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
        {"postgresql_partition_by": "range (day)"},
    )

    position: int = primary(BIG, "nextval('events_position_seq'::regclass)")
    day: date = primary(Date)
    epoch: int = column(Integer)
    xid: int = column(Xid8, "pg_current_xact_id()")
    bucket: int = column(SMALL)
    source: str = column(TEXT)
    provider: str = column(TEXT)
    delivery: str = column(TEXT)
    body_hash: bytes = column(BYTES)
    kind: str = column(TEXT)
    post: str | None = column(TEXT)
    part: int = column(SMALL)
    occurred_at: datetime | None = column(MOMENT)
    received_at: datetime = column(MOMENT)
    conflict: bool
    headers: dict[str, Any] = column(JSON_AS_WRITTEN)
    body: bytes = column(BYTES)


class Delivery(SQLModel, table=True):
    """The ledger in which a delivery and a body stand once, whatever the day."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("source", "body_hash", name="deliveries_body"),)

    source: str = primary(TEXT)
    delivery: str = primary(TEXT)
    body_hash: bytes = column(BYTES)
    position: int = column(BIG)
    day: date


class Repeat(SQLModel, table=True):
    """A delivery or a body that had come before."""

    __tablename__ = "repeats"
    __table_args__ = (Index("repeats_of_event", "position"),)

    id: int = number()
    source: str = column(TEXT)
    delivery: str = column(TEXT)
    same: str = column(TEXT)
    position: int = column(BIG)
    received_at: datetime = column(MOMENT)


class Baseline(SQLModel, table=True):
    """A post as it stood when its oldest days were dropped."""

    __tablename__ = "baselines"

    provider: str = primary(TEXT)
    post: str = primary(TEXT)
    through: date
    fold: dict[str, Any] = column(JSON_AS_WRITTEN)


class Quarantined(SQLModel, table=True):
    """What came in and was of no use, or not authentic."""

    __tablename__ = "quarantine"
    __table_args__ = (
        Index("quarantine_once", "provider", "delivery", "body_hash", unique=True, postgresql_where=text("authentic")),
        Index("quarantine_newest", "authentic", text("id desc")),
        Index(
            "quarantine_refused",
            "provider",
            text("weight desc"),
            text("id desc"),
            postgresql_where=text("not authentic"),
        ),
    )

    id: int = number()
    provider: str = column(TEXT)
    reason: str = column(TEXT)
    authentic: bool
    delivery: str = column(TEXT)
    body_hash: bytes = column(BYTES)
    received_at: datetime = column(MOMENT)
    headers: dict[str, Any] = column(JSON)
    body: bytes = column(BYTES)
    state: str = column(TEXT, "'held'::text")
    settled_at: datetime | None = column(MOMENT)
    weight: int = column(SMALL, "2")
    times: int = column(Integer, "1")
    last_at: datetime | None = column(MOMENT)
