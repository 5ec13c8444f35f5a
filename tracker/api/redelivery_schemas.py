"""What the API takes and answers about redeliveries."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from tracker.api.schemas import ActionOut
from tracker.domain.calls.pacing import Pace
from tracker.domain.rate import Rate
from tracker.store.actions.redeliveries import ENDED, MOST

Word = Annotated[str, Meta(min_length=1, max_length=200)]


class ChosenBy(Struct, frozen=True, forbid_unknown_fields=True):
    """Which actions: all of it must hold."""

    states: Annotated[
        list[str],
        Meta(description=f"Some of {', '.join(ENDED)}.", min_length=1, max_length=len(ENDED), examples=[["dead"]]),
    ] = field(default_factory=lambda: ["dead"])
    verb: Annotated[Word | None, Meta(description="alert, send, retry or reconcile.")] = None
    target: Annotated[Word | None, Meta(description="A channel, an endpoint or a provider.")] = None
    rule: Annotated[Word | None, Meta(description="The rule that asked for it.")] = None
    provider: Annotated[Word | None, Meta(description="The provider's name in the configuration.")] = None
    post: Annotated[Word | None, Meta(description="The post's id.")] = None
    reason: Annotated[Word | None, Meta(description="Why its last attempt ended as it did, as in timeout.")] = None
    since: Annotated[str | None, Meta(description="Asked for at this time or later.")] = None
    until: Annotated[str | None, Meta(description="Asked for before this time.")] = None


class NewRedelivery(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do once more, and how."""

    filters: ChosenBy = field(default_factory=ChosenBy)
    idempotency: Annotated[
        Literal["same", "fresh"],
        Meta(
            description="same: the same actions, under the ids that they had, so that whoever has a message already can"
            " tell. fresh: new actions that say the same under new ids. A retry asks the provider first in any case."
        ),
    ] = "same"
    rate: Annotated[str, Meta(description="How fast, as in `10 per second` or `600 in 1h`; 100 a second at most.")] = (
        "10 per second"
    )
    note: Annotated[str, Meta(description="Why, for whoever looks at it later.", max_length=500)] = ""


class RedeliveryOut(Struct, frozen=True):
    """A plan, and how far it is."""

    id: UUID
    state: Annotated[str, Meta(description="running, paused, done or cancelled.")]
    filters: Annotated[dict[str, Any], Meta(description="What chose the actions when it was planned.")]
    idempotency: Annotated[str, Meta(description="same or fresh.")]
    rate: str
    note: str
    by: Annotated[str, Meta(description="The name of the key that planned it.")]
    created_at: datetime
    changed_at: Annotated[datetime, Meta(description="When it came into its state.")]
    total: Annotated[int, Meta(description=f"The actions that it is about, {MOST} at most.")]
    redelivered: int
    skipped: Annotated[int, Meta(description="They were under way again when their turn came, or kept no longer.")]
    left: int
    ends_at: Annotated[datetime | None, Meta(description="When the last one's turn comes; null unless it is running.")]


class OneRedeliveryOut(RedeliveryOut, frozen=True):
    """A plan, and what it has come to."""

    outcomes: Annotated[
        dict[str, int], Meta(description="In which states the redelivered actions are now, and how many in each.")
    ]


class ShareOut(Struct, frozen=True):
    """Actions of one kind among those that are chosen."""

    verb: str
    target: str
    state: str
    actions: int


class PlannedOut(Struct, frozen=True):
    """What is done once more, or would be."""

    redelivery: Annotated[RedeliveryOut | None, Meta(description="null for a dry run, which plans nothing.")]
    count: Annotated[int, Meta(description=f"How many actions are chosen; more than {MOST} are refused.")]
    shares: Annotated[list[ShareOut], Meta(description="Of which kinds they are, the most first.")]
    sample: Annotated[list[ActionOut], Meta(description="The newest of them.")]


def redelivery_fields(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The fields that a plan shows in a list and by itself."""
    names = ("id", "state", "filters", "rate", "note", "by", "created_at", "changed_at", "total", "skipped")
    left = row["total"] - row["sent"] - row["skipped"]
    runs = row["state"] == "running"
    return {name: row[name] for name in names} | {
        "idempotency": "fresh" if row["fresh"] else "same",
        "redelivered": row["sent"],
        "left": left,
        "ends_at": _end(row, left, now) if runs else None,
    }


def _end(row: Mapping[str, Any], left: int, now: datetime) -> datetime:
    begin: datetime = max(row["next_at"], now)
    return begin + max(left - 1, 0) * _gap(row["rate"])


def _gap(rate: str) -> timedelta:
    return Pace(Rate.parse(rate)).gap
