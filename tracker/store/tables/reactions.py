"""Tables of what follows: rules that fired, their runs and timers, and the actions on the world."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlmodel import SQLModel

from tracker.store.tables.columns import BIG, ID, JSON, MOMENT, SMALL, TEXT, column, primary


class Firing(SQLModel, table=True):
    """A rule's answer to a cause, once for each key."""

    __tablename__ = "firings"
    __table_args__ = (
        Index("firings_of_post", "provider", "post", "fired_at"),
        Index("firings_of_rule", "rule", text("fired_at desc")),
    )

    rule: str = primary(TEXT)
    key: str = primary(TEXT)
    cause: str = primary(TEXT)
    revision: str = column(TEXT)
    outcome: str = column(TEXT)
    detail: str | None = column(TEXT)
    provider: str = column(TEXT)
    post: str | None = column(TEXT)
    run: UUID | None = column(ID)
    fired_at: datetime = column(MOMENT)


class Run(SQLModel, table=True):
    """A workflow under way, or at its end."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("rule", "key", "cause", name="runs_rule_key_cause_key"),
        Index("runs_active", "rule", "key", unique=True, postgresql_where=text("state = 'active'::text")),
        Index("runs_of_post", "provider", "post", "started_at"),
    )

    id: UUID = primary(ID)
    rule: str = column(TEXT)
    revision: str = column(TEXT)
    key: str = column(TEXT)
    cause: str = column(TEXT)
    bucket: int = column(SMALL)
    provider: str = column(TEXT)
    post: str | None = column(TEXT)
    target: str | None = column(TEXT)
    state: str = column(TEXT)
    data: dict[str, Any] = column(JSON)
    started_at: datetime = column(MOMENT)
    updated_at: datetime = column(MOMENT)


class Timer(SQLModel, table=True):
    """A moment at which something is due unless it is disarmed before."""

    __tablename__ = "timers"
    __table_args__ = (
        Index("timers_due", "bucket", "due_at"),
        Index("timers_of_post", "provider", "post"),
    )

    rule: str = primary(TEXT)
    key: str = primary(TEXT)
    kind: str = primary(TEXT)
    bucket: int = column(SMALL)
    due_at: datetime = column(MOMENT)
    meaning: str = column(TEXT)
    cause: str = column(TEXT)
    run: UUID | None = column(ID)
    provider: str = column(TEXT)
    post: str | None = column(TEXT)
    target: str | None = column(TEXT)
    data: dict[str, Any] = column(JSON)


class ArmedRule(SQLModel, table=True):
    """The meaning under which a rule's timers were armed."""

    __tablename__ = "armed_rules"

    rule: str = primary(TEXT)
    revision: str = column(TEXT)


class Action(SQLModel, table=True):
    """What we intend to do to the world."""

    __tablename__ = "actions"
    __table_args__ = (
        UniqueConstraint("idempotency_key", name="actions_idempotency_key_key"),
        Index("actions_due", "due_at", "id", postgresql_where=text("state = 'pending'::text")),
        Index("actions_leased", "leased_until", postgresql_where=text("state = 'claimed'::text")),
        Index(
            "actions_one_retry_of_a_post",
            "provider",
            "post",
            unique=True,
            postgresql_where=text("verb = 'retry'::text and state = 'claimed'::text"),
        ),
        Index("actions_of_post", "provider", "post", "created_at"),
        Index("actions_newest", text("created_at desc"), "id"),
        Index("actions_by_state", "state", text("created_at desc"), "id"),
        Index(
            "actions_of_group",
            "group_key",
            "due_at",
            "id",
            postgresql_where=text("state = 'pending'::text and attempts = 0 and group_key is not null"),
        ),
        Index(
            "actions_of_alert",
            "target",
            text("(payload ->> 'key'::text)"),
            postgresql_where=text("verb = 'alert'::text and state = any (array['pending'::text, 'claimed'::text])"),
        ),
    )

    id: UUID = primary(ID)
    idempotency_key: str = column(TEXT)
    verb: str = column(TEXT)
    target: str = column(TEXT)
    rule: str | None = column(TEXT)
    revision: str | None = column(TEXT)
    run: UUID | None = column(ID)
    bucket: int = column(SMALL)
    provider: str = column(TEXT)
    post: str | None = column(TEXT)
    payload: dict[str, Any] = column(JSON)
    state: str = column(TEXT)
    reason: str | None = column(TEXT)
    due_at: datetime = column(MOMENT)
    attempts: int = column(Integer, "0")
    lease: int = column(BIG, "0")
    owner: str | None = column(TEXT)
    leased_until: datetime | None = column(MOMENT)
    created_at: datetime = column(MOMENT)
    finished_at: datetime | None = column(MOMENT)
    group_key: str | None = column(TEXT)


class ActionAttempt(SQLModel, table=True):
    """One try at an action."""

    __tablename__ = "action_attempts"
    __table_args__ = (ForeignKeyConstraint(["action"], ["actions.id"], name="action_attempts_action_fkey"),)

    action: UUID = primary(ID)
    attempt: int = primary(Integer)
    lease: int = column(BIG)
    started_at: datetime = column(MOMENT)
    finished_at: datetime | None = column(MOMENT)
    outcome: str | None = column(TEXT)
    reason: str | None = column(TEXT)
    request: dict[str, Any] | None = column(JSON)
    response: dict[str, Any] | None = column(JSON)
    latency_ms: int | None = column(Integer)


class AlertMessage(SQLModel, table=True):
    """The message that an alert became on a channel, as the other side knows it."""

    __tablename__ = "alert_messages"
    __table_args__ = (Index("alert_messages_sent", "sent_at"),)

    channel: str = primary(TEXT)
    key: str = primary(TEXT)
    reference: dict[str, Any] = column(JSON)
    sent_at: datetime = column(MOMENT)
