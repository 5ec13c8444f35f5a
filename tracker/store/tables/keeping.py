"""Tables of the house itself: who may come in, what was run when, and which migrations made the tables."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import SQLModel

from tracker.store.tables.columns import BYTES, MOMENT, TEXT, TEXTS, column, primary


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
