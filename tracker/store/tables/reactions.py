"""Tables of what follows: rules that fired, their runs and timers, and the actions on the world."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Index, Integer, text
from sqlmodel import SQLModel

from tracker.store.tables.columns import (
    BIG,
    BYTES,
    ID,
    JSON,
    JSON_AS_WRITTEN,
    MOMENT,
    SMALL,
    TEXT,
    TEXTS,
    column,
    counted,
    primary,
)

OPEN_RUN = "state = any (array['active'::text, 'queued'::text])"


class Firing(SQLModel, table=True):
    """A rule's answer to a cause, once for each key."""

    __tablename__ = "firings"
    __table_args__ = (
        Index("firings_of_post", "provider", "post", "fired_at"),
        Index("firings_of_rule", "rule", "outcome", text("fired_at desc")),
        Index("firings_recent", "rule", "key", text("fired_at desc")),
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
    occurred_at: datetime = column(MOMENT)
    number: int = counted()


class Run(SQLModel, table=True):
    """A workflow under way, or at its end."""

    __tablename__ = "runs"
    __table_args__ = (
        Index("runs_active", "rule", "key", unique=True, postgresql_where=text("state = 'active'::text and alone")),
        Index("runs_open", "rule", "key", "started_at", postgresql_where=text(OPEN_RUN)),
        Index("runs_of_post", "provider", "post", "started_at"),
        Index("runs_newest", text("started_at desc"), "id"),
        Index("runs_by_state", "state", text("started_at desc"), "id"),
        Index("runs_of_rule", "rule", text("started_at desc"), "id"),
        Index("runs_starting", "rule", text("starts_at desc"), postgresql_where=text("starts_at is not null")),
    )

    id: UUID = primary(ID)
    rule: str = column(TEXT)
    key: str = column(TEXT)
    provider: str = column(TEXT)
    post: str | None = column(TEXT)
    target: str | None = column(TEXT)
    state: str = column(TEXT)
    data: dict[str, Any] = column(JSON_AS_WRITTEN)
    started_at: datetime = column(MOMENT)
    updated_at: datetime = column(MOMENT)
    alone: bool = column(Boolean, "true")
    starts_at: datetime | None = column(MOMENT)


class RunMove(SQLModel, table=True):
    """One move of a run."""

    __tablename__ = "run_moves"

    run: UUID = primary(ID)
    number: int = primary(Integer)
    at: datetime = column(MOMENT)
    said: str = column(TEXT)


class Timer(SQLModel, table=True):
    """A moment at which something is due unless it is disarmed before."""

    __tablename__ = "timers"
    __table_args__ = (
        Index("timers_due", "bucket", "due_at"),
        Index("timers_of_post", "provider", "post"),
        Index("timers_of_run", "run", postgresql_where=text("run is not null")),
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
    noted_at: datetime = column(MOMENT, "now()")
    there_since: datetime = column(MOMENT, "now()")


class RuleSwitch(SQLModel, table=True):
    """A rule that somebody has switched on or off by hand."""

    __tablename__ = "rule_switches"

    rule: str = primary(TEXT)
    enabled: bool
    by: str = column(TEXT)
    at: datetime = column(MOMENT)


class RuleBook(SQLModel, table=True):
    """The last good rule files, packed; and since when files are refused, and why."""

    __tablename__ = "rule_book"

    name: str = primary(TEXT)
    revision: str | None = column(TEXT)
    files: bytes | None = column(BYTES)
    kept_at: datetime | None = column(MOMENT)
    refused_at: datetime | None = column(MOMENT)
    refused: str | None = column(TEXT)


class RuleCount(SQLModel, table=True):
    """How often a rule came to an outcome, in one bucket."""

    __tablename__ = "rule_counts"

    rule: str = primary(TEXT)
    outcome: str = primary(TEXT)
    bucket: int = primary(SMALL)
    firings: int = column(BIG)
    last_at: datetime = column(MOMENT)


class Pause(SQLModel, table=True):
    """A rule that is held for a while, within a scope."""

    __tablename__ = "pauses"

    rule: str = primary(TEXT)
    scope: str = primary(TEXT)
    by: str = primary(TEXT)
    until: datetime = column(MOMENT)
    since: datetime | None = column(MOMENT)


class WebhookEndpoint(SQLModel, table=True):
    """An endpoint that somebody has made at run time."""

    __tablename__ = "webhook_endpoints"

    id: str = primary(TEXT)
    url: str = column(TEXT)
    events: list[str] = column(TEXTS)
    filter: dict[str, Any] = column(JSON)
    description: str = column(TEXT)
    by: str = column(TEXT)
    created_at: datetime = column(MOMENT)
    failures: int = column(Integer, "0")


class Silence(SQLModel, table=True):
    """Alerts that nobody is to get for a while."""

    __tablename__ = "silences"
    __table_args__ = (
        Index("silences_until", "until"),
        Index("silences_newest", text("since desc"), "id"),
    )

    id: UUID = primary(ID)
    match: dict[str, Any] = column(JSON)
    since: datetime = column(MOMENT)
    until: datetime = column(MOMENT)
    by: str = column(TEXT)
    reason: str = column(TEXT)


class Action(SQLModel, table=True):
    """What we intend to do to the world."""

    __tablename__ = "actions"
    __table_args__ = (
        Index("actions_waiting", "verb", "target", "due_at", "id", postgresql_where=text("state = 'pending'::text")),
        Index(
            "actions_one_change_of_a_post",
            "provider",
            "post",
            unique=True,
            postgresql_where=text(
                "(verb = any (array['retry'::text, 'cancel'::text, 'reschedule'::text, 'delete'::text,"
                " 'create'::text])) and state = 'claimed'::text"
            ),
        ),
        Index("actions_of_post", "provider", "post", "created_at"),
        Index("actions_by_state", "state", "created_at", text("id desc")),
        Index("actions_hidden", "hidden_by", "created_at", postgresql_where=text("hidden_by is not null")),
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
    hidden_by: str | None = column(TEXT)
    redelivers: UUID | None = column(ID)


class ActionAttempt(SQLModel, table=True):
    """One try at an action."""

    __tablename__ = "action_attempts"

    action: UUID = primary(ID)
    attempt: int = primary(Integer)
    lease: int = column(BIG)
    started_at: datetime = column(MOMENT)
    finished_at: datetime | None = column(MOMENT)
    outcome: str | None = column(TEXT)
    reason: str | None = column(TEXT)
    request: dict[str, Any] | None = column(JSON_AS_WRITTEN)
    response: dict[str, Any] | None = column(JSON_AS_WRITTEN)
    latency_ms: int | None = column(Integer)


class AlertMessage(SQLModel, table=True):
    """The message that an alert became on a channel, as the other side knows it."""

    __tablename__ = "alert_messages"
    __table_args__ = (Index("alert_messages_sent", "sent_at"),)

    channel: str = primary(TEXT)
    key: str = primary(TEXT)
    reference: dict[str, Any] = column(JSON)
    sent_at: datetime = column(MOMENT)
