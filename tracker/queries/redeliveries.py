"""Ended actions done once more: plans by filters, one with what it has come to, and what a plan would be about."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import func, select
from sqlmodel import col

from tracker.domain.rate import Pace, Rate
from tracker.parameters import parse_choices
from tracker.queries.actions import STATES as ACTION_STATES
from tracker.queries.actions import ActionOut, ActionQuery, chosen, each_of
from tracker.queries.paging import AnySelect, Keyset, Page, any_of, fetch, fitting, list_page, page_of
from tracker.store.actions import redeliveries
from tracker.store.actions.redeliveries import MOST
from tracker.store.session import into
from tracker.store.tables.operations import Redelivery
from tracker.store.tables.reactions import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection

STATES = ("running", "paused", "done", "cancelled")

NEWEST_FIRST = Keyset(
    "redeliveries -created_at", tuple[datetime, UUID], col(Redelivery.created_at), (col(Redelivery.id),)
)


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


async def list_redeliveries(
    conn: Connection, states: Sequence[str] | None, now: datetime, cursor: str | None = None, limit: int = 50
) -> Page[RedeliveryOut]:
    """A page of plans, the newest first."""
    plans = select(Redelivery).where(*fitting(Redelivery, state=parse_choices("state", states, STATES)))
    return await list_page(
        conn, plans, NEWEST_FIRST, cursor, limit, lambda row: redelivery_out(into(redeliveries.Redelivery, row), now)
    )


async def one_redelivery(conn: Connection, plan: UUID, now: datetime) -> OneRedeliveryOut:
    """The plan, and what it has come to; raises NotFound."""
    fields = _fields(await redeliveries.get(conn, plan), now)
    return OneRedeliveryOut(**fields, outcomes=await redeliveries.outcomes(conn, plan))


async def count_chosen(conn: Connection, query: ActionQuery) -> list[ShareOut]:
    """How many actions a plan would be about, by verb, target and state, the most first; counted to MOST + 1."""
    columns = (col(Action.verb), col(Action.target), col(Action.state))
    in_states = chosen(query, *columns).where(any_of(col(Action.state), query.states or ACTION_STATES))
    some = in_states.limit(MOST + 1).subquery("chosen")
    number = func.count().label("actions")
    kinds = (some.c.verb, some.c.target, some.c.state)
    counted = select(*kinds, number).group_by(*kinds).order_by(number.desc(), *kinds)
    return [ShareOut(**row) for row in await fetch(conn, counted)]


def oldest_chosen(query: ActionQuery) -> AnySelect:
    """What a plan takes up: the oldest first, MOST + 1 at most, so that too many can be told."""
    columns = (col(Action.created_at), col(Action.id))
    oldest_first = Keyset("", tuple[datetime, UUID], columns[0], columns[1:], newest_first=False, together=True)
    return page_of(chosen(query, *columns), oldest_first, None, MOST + 1, each_of(query))


def redelivery_out(plan: redeliveries.Redelivery, now: datetime) -> RedeliveryOut:
    """A plan as it is shown."""
    return RedeliveryOut(**_fields(plan, now))


def _fields(plan: redeliveries.Redelivery, now: datetime) -> dict[str, Any]:
    names = ("id", "state", "filters", "rate", "note", "by", "created_at", "changed_at", "total", "skipped", "left")
    return {name: getattr(plan, name) for name in names} | {
        "idempotency": "fresh" if plan.fresh else "same",
        "redelivered": plan.sent,
        "ends_at": _end(plan, now) if plan.state == "running" else None,
    }


def _end(plan: redeliveries.Redelivery, now: datetime) -> datetime:
    return max(plan.next_at, now) + max(plan.left - 1, 0) * Pace(Rate.parse(plan.rate)).gap
