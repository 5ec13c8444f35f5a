"""Tables of redeliveries: what was planned, and each action that it is about."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ForeignKeyConstraint, Index, Integer, text
from sqlmodel import SQLModel

from tracker.store.tables.columns import ID, JSON, MOMENT, TEXT, column, primary


class Redelivery(SQLModel, table=True):
    """A plan to do ended actions once more."""

    __tablename__ = "redeliveries"
    __table_args__ = (
        Index("redeliveries_newest", text("created_at desc"), "id"),
        Index("redeliveries_due", "next_at", "id", postgresql_where=text("state = 'running'::text")),
    )

    id: UUID = primary(ID)
    state: str = column(TEXT, "'running'::text")
    filters: dict[str, Any] = column(JSON)
    fresh: bool = column(Boolean)
    rate: str = column(TEXT)
    note: str = column(TEXT)
    by: str = column(TEXT)
    created_at: datetime = column(MOMENT)
    changed_at: datetime = column(MOMENT)
    next_at: datetime = column(MOMENT)
    total: int = column(Integer)
    sent: int = column(Integer, "0")
    skipped: int = column(Integer, "0")


class RedeliveryItem(SQLModel, table=True):
    """One action of a plan; `again` is the action that does it once more, itself or a fresh one."""

    __tablename__ = "redelivery_items"
    __table_args__ = (
        ForeignKeyConstraint(
            ["redelivery"], ["redeliveries.id"], name="redelivery_items_redelivery_fkey", ondelete="CASCADE"
        ),
        Index("redelivery_items_waiting", "redelivery", "number", postgresql_where=text("state = 'waiting'::text")),
    )

    redelivery: UUID = primary(ID)
    number: int = primary(Integer)
    action: UUID = column(ID)
    state: str = column(TEXT, "'waiting'::text")
    again: UUID | None = column(ID)
