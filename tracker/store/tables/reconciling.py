"""Tables of what we ask providers: the reconciliations, their findings, and how regularly providers are heard."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Integer, text
from sqlmodel import SQLModel

from tracker.store.tables.columns import BIG, ID, MOMENT, TEXT, column, primary


class Reconciliation(SQLModel, table=True):
    """One round of questions to one provider."""

    __tablename__ = "reconciliations"
    __table_args__ = (
        Index("reconciliations_newest", text("wanted_at desc"), "id"),
        Index("reconciliations_open", "provider", "job", "wanted_at", postgresql_where=text("state <> 'done'::text")),
        Index("reconciliations_of_provider", "provider", text("wanted_at desc")),
    )

    id: UUID = primary(ID)
    job: str = column(TEXT)
    provider: str = column(TEXT)
    wanted_at: datetime = column(MOMENT)
    wanted_by: str | None = column(TEXT)
    since: datetime = column(MOMENT)
    cursor: str = column(TEXT, "''::text")
    state: str = column(TEXT, "'waiting'::text")
    stopped: str | None = column(TEXT)
    begun_at: datetime | None = column(MOMENT)
    ended_at: datetime | None = column(MOMENT)
    lease: int = column(BIG, "0")
    leased_until: datetime | None = column(MOMENT)
    calls: int = column(Integer, "0")
    listed: int = column(Integer, "0")
    asked: int = column(Integer, "0")
    missing: int = column(Integer, "0")
    appended: int = column(Integer, "0")
    conflicts: int = column(Integer, "0")
    owner: str | None = column(TEXT)


class Question(SQLModel, table=True):
    """A post that was asked about to no effect, and when to ask again."""

    __tablename__ = "questions"
    __table_args__ = (Index("questions_old", "next_at"),)

    provider: str = primary(TEXT)
    post: str = primary(TEXT)
    times: int = column(Integer)
    next_at: datetime = column(MOMENT)


class Finding(SQLModel, table=True):
    """A fact that asking found, unless a webhook told it after all."""

    __tablename__ = "findings"
    __table_args__ = (Index("findings_missed", "provider", "found_at", postgresql_where=text("told_at is null")),)

    position: int = primary(BIG)
    provider: str = column(TEXT)
    post: str = column(TEXT)
    reconciliation: UUID = column(ID)
    heard_at: datetime | None = column(MOMENT)
    found_at: datetime = column(MOMENT)
    told_at: datetime | None = column(MOMENT)


class HeardHour(SQLModel, table=True):
    """An hour in which a provider's webhooks arrived."""

    __tablename__ = "heard_hours"

    provider: str = primary(TEXT)
    hour: datetime = primary(MOMENT)
    last_at: datetime = column(MOMENT)


class SilentProvider(SQLModel, table=True):
    """A provider that has been silent for too long, as people were told."""

    __tablename__ = "silent_providers"

    provider: str = primary(TEXT)
    heard_at: datetime = column(MOMENT)
    told_at: datetime = column(MOMENT)
