"""Tables of what the log says: who has read how far, the posts, and what moved."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, Table, text
from sqlmodel import SQLModel

from tracker.store.tables.columns import (
    BIG,
    JSON,
    JSON_AS_WRITTEN,
    MOMENT,
    REAL,
    SMALL,
    SMALLS,
    TEXT,
    TEXTS,
    PgSnapshot,
    column,
    primary,
)

TO_COME = (
    "(state = any (array['unknown'::text, 'draft'::text, 'awaiting_approval'::text, 'scheduled'::text,"
    " 'retrying'::text, 'publishing'::text])) and scheduled_at is not null"
)


class Share(SQLModel, table=True):
    """Buckets of a subscription that stand together, and whose they are."""

    __tablename__ = "shares"

    name: str = primary(TEXT)
    share: int = primary(SMALL)
    buckets: list[int] = column(SMALLS)
    lease: int = column(BIG, "0")
    owner: str | None = column(TEXT)
    leased_until: datetime | None = column(MOMENT)
    heartbeat_at: datetime | None = column(MOMENT)


class Place(SQLModel, table=True):
    """Where the buckets of a share stand after a step."""

    __tablename__ = "places"

    name: str = primary(TEXT)
    share: int = primary(SMALL)
    step: int = primary(BIG)
    epoch: int = column(Integer)
    snapshot: str = column(PgSnapshot)
    caught_up_at: datetime | None = column(MOMENT)


class Node(SQLModel, table=True):
    """A process that takes its share of a subscription's buckets."""

    __tablename__ = "nodes"

    name: str = primary(TEXT)
    node: str = primary(TEXT)
    seen_at: datetime = column(MOMENT)


class Process(SQLModel, table=True):
    """A process that runs, with the advisory lock that is held while its session lasts, and what fails in it."""

    __tablename__ = "processes"

    node: str = primary(TEXT)
    number: int = column(BIG)
    roles: list[str] = column(TEXTS)
    since: datetime = column(MOMENT, "now()")
    failing: dict[str, Any] = column(JSON, "'{}'::jsonb")


class Parked(SQLModel, table=True):
    """What a subscription could not handle, set aside so that the rest goes on."""

    __tablename__ = "parked"

    subscription: str = primary(TEXT)
    item: int = primary(BIG)
    bucket: int = column(SMALL)
    error: str = column(TEXT)
    parked_at: datetime = column(MOMENT)


class Projection(SQLModel, table=True):
    """A version of the posts and transitions; one is current."""

    __tablename__ = "projections"
    __table_args__ = (Index("projections_current", "current", unique=True, postgresql_where=text("current")),)

    version: int = primary(SMALL)
    current: bool = column(Boolean, "false")
    created_at: datetime = column(MOMENT, "now()")
    fold_version: int = column(SMALL, "0")
    filled: float = column(REAL, "0")
    armed: bool = column(Boolean, "true")


class Post(SQLModel, table=True):
    """A post as the log has it."""

    __tablename__ = "posts"
    __table_args__ = (
        Index("posts_newest", "last_event_at", text("provider desc"), text("post desc")),
        Index("posts_by_state", "state", "last_event_at", text("provider desc"), text("post desc")),
        *(
            Index(
                f"posts_by_{time}",
                time,
                text("provider desc"),
                text("post desc"),
                postgresql_where=text(f"{time} is not null"),
            )
            for time in ("scheduled_at", "published_at", "failed_at")
        ),
        Index("posts_by_id", "post"),
        Index("posts_by_target", "platforms", "accounts", postgresql_using="gin"),
        Index(
            "posts_by_term",
            "terms",
            postgresql_using="gin",
            postgresql_where=text("terms <> '{}'::text[]"),
        ),
        Index(
            "posts_to_come", "scheduled_at", text("provider desc"), text("post desc"), postgresql_where=text(TO_COME)
        ),
        {"postgresql_partition_by": "list (projection)"},
    )

    projection: int = primary(SMALL)
    provider: str = primary(TEXT)
    post: str = primary(TEXT)
    bucket: int = column(SMALL)
    state: str = column(TEXT)
    attempt: int = column(Integer)
    version: int = column(Integer)
    platforms: list[str] = column(TEXTS)
    accounts: list[str] = column(TEXTS)
    entered_at: datetime | None = column(MOMENT)
    scheduled_at: datetime | None = column(MOMENT)
    published_at: datetime | None = column(MOMENT)
    failed_at: datetime | None = column(MOMENT)
    last_event_at: datetime | None = column(MOMENT)
    first_day: date
    last_day: date
    fold: dict[str, Any] = column(JSON_AS_WRITTEN)
    terms: list[str] = column(TEXTS, "'{}'::text[]")


class Account(SQLModel, table=True):
    """An account as the log has it; projection 0 stands for what the log no longer keeps."""

    __tablename__ = "accounts"

    projection: int = primary(SMALL)
    provider: str = primary(TEXT)
    account: str = primary(TEXT)
    platform: str | None = column(TEXT)
    name: str | None = column(TEXT)
    state: str = column(TEXT)
    since: datetime | None = column(MOMENT)
    last_event: str | None = column(TEXT)
    last_event_at: datetime | None = column(MOMENT)
    fold: dict[str, Any] = column(JSON_AS_WRITTEN)


# A table without a key, which no class can be mapped to: nothing in it is ever looked up or changed one by one.
TRANSITIONS = Table(
    "transitions",
    SQLModel.metadata,
    Column("cause", BIG, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    Column("occurred_at", MOMENT, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("projection", SMALL, nullable=False),
    Column("superseded", Boolean, nullable=False),
    Column("again", Boolean, nullable=False),
    Column("provider", TEXT, nullable=False),
    Column("post", TEXT, nullable=False),
    Column("target", TEXT),
    Column("before", TEXT),
    Column("after", TEXT, nullable=False),
    Column("error", TEXT),
    Index("transitions_by_arrival", "received_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    postgresql_partition_by="list (projection)",
)
