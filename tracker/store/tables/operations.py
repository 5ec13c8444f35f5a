"""Tables of the house itself: keys, schedules, calls of providers, reconciliations, plans, and drift."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Double, ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlmodel import SQLModel

from tracker.store.tables.columns import BIG, BYTES, ID, JSON, MOMENT, TEXT, TEXTS, PgSnapshot, column, primary


class Plan(SQLModel, table=True):
    """An order about many posts or actions; those up to its `place` have had their turn, `skipped` says why not."""

    __tablename__ = "plans"
    __table_args__ = (
        Index("plans_newest", text("created_at desc"), "id"),
        Index("plans_due", "next_at", "id", postgresql_where=text("state = 'running'::text")),
    )

    id: UUID = primary(ID)
    state: str = column(TEXT, "'running'::text")
    subject: str = column(TEXT)
    verb: str = column(TEXT)
    filters: dict[str, Any] = column(JSON)
    include_all: bool = column(Boolean)
    until: datetime | None = column(MOMENT)
    pace: str = column(TEXT)
    note: str = column(TEXT)
    by: str = column(TEXT)
    created_at: datetime = column(MOMENT)
    changed_at: datetime = column(MOMENT)
    next_at: datetime = column(MOMENT)
    total: int = column(Integer)
    place: int = column(Integer, "0")
    ordered: int = column(Integer, "0")
    skipped: dict[str, int] = column(JSON, "'{}'::jsonb")


class PlanItem(SQLModel, table=True):
    """A post or an action of a plan; `again` is the action, or the silence, that it was ordered by."""

    __tablename__ = "plan_items"
    __table_args__ = (ForeignKeyConstraint(["plan"], ["plans.id"], name="plan_items_plan_fkey", ondelete="CASCADE"),)

    plan: UUID = primary(ID)
    number: int = primary(Integer)
    provider: str | None = column(TEXT)
    post: str | None = column(TEXT)
    action: UUID | None = column(ID)
    again: UUID | None = column(ID)


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
