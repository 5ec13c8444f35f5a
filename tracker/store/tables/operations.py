"""Tables of the house itself: who may come in, what was run when, how we stand with providers, and the migrations."""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKeyConstraint, Index, Integer, UniqueConstraint
from sqlmodel import SQLModel

from tracker.store.tables.columns import BIG, BYTES, JSON, MOMENT, TEXT, TEXTS, column, primary


class ApiKey(SQLModel, table=True):
    """A key to the API, of which only the hash is known."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("hash", name="api_keys_hash_key"),)

    id: str = primary(TEXT)
    name: str = column(TEXT)
    scopes: list[str] = column(TEXTS)
    hash: bytes = column(BYTES)
    created_at: datetime = column(MOMENT)
    revoked_at: datetime | None = column(MOMENT)


class Session(SQLModel, table=True):
    """Somebody who signed in with a key, of whose token only the hash is known."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(["key"], ["api_keys.id"], name="sessions_key_fkey"),
        Index("sessions_expired", "expires_at"),
    )

    hash: bytes = primary(BYTES)
    key: str = column(TEXT)
    created_at: datetime = column(MOMENT)
    expires_at: datetime = column(MOMENT)


class MigrationChecksum(SQLModel, table=True):
    """The file of a migration as it was when it ran."""

    __tablename__ = "migration_checksums"

    revision: str = primary(TEXT)
    sha256: str = column(TEXT)
    applied_at: datetime = column(MOMENT, "now()")


class Fire(SQLModel, table=True):
    """An occasion of a schedule that somebody has taken."""

    __tablename__ = "fires"

    schedule: str = primary(TEXT)
    fire_at: datetime = primary(MOMENT)
    taken_at: datetime = column(MOMENT)


class ProviderStanding(SQLModel, table=True):
    """What all processes know together about calls of a provider."""

    __tablename__ = "provider_standings"

    provider: str = primary(TEXT)
    at: datetime = column(MOMENT)
    windows: list[Any] = column(JSON)
    put_off_until: datetime | None = column(MOMENT)
    failures: int = column(Integer)
    openings: int = column(Integer)
    open_until: datetime | None = column(MOMENT)
    trial: int = column(BIG)
    trial_until: datetime | None = column(MOMENT)
    credits: int | None = column(BIG)
    credits_at: datetime | None = column(MOMENT)
    skew: float | None = column(Double())
    answered_at: datetime | None = column(MOMENT)
    failed_at: datetime | None = column(MOMENT)
    failure: str | None = column(TEXT)
