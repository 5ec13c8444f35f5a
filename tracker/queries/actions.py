"""What we do to the world: actions by filters, one with each of its attempts, how many wait for somebody."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import func, select
from sqlmodel import col

from tracker.domain.actions import POLICIES
from tracker.domain.payloads import with_data
from tracker.parameters import parse_choice, parse_choices, parse_optional_time, refuse_zero_bytes
from tracker.queries.paging import AnySelect, EachOf, Keyset, Page, any_of, fetch, fetch_one, fitting, list_page
from tracker.store.session import into
from tracker.store.tables.operations import PlanItem
from tracker.store.tables.reactions import Action, ActionAttempt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracker.store.database import Connection, Row

STATES = ("pending", "claimed", "done", "dead", "unknown", "discarded", "shadow", "hidden")

NEWEST_FIRST = Keyset("actions -created_at", tuple[datetime, UUID], col(Action.created_at), (col(Action.id),))


class ActionOut(Struct, frozen=True):
    """Something that we do to the world."""

    id: UUID
    verb: str
    target: str
    state: Annotated[str, Meta(description="pending, claimed, done, dead, unknown, discarded, shadow or hidden.")]
    hidden_by: Annotated[str | None, Meta(description="Why it is not done: a canary, a silence, or muted.")]
    reason: Annotated[str | None, Meta(description="Why its last attempt ended as it did: a word of a closed list.")]
    rule: str | None
    run: UUID | None
    provider: str
    post: str | None
    idempotency_key: str
    attempts: int
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    redelivers: Annotated[UUID | None, Meta(description="The action that it does once more, under an id of its own.")]


class AttemptOut(Struct, frozen=True):
    """One attempt at an action: what went out and what came back, without secrets."""

    attempt: int
    started_at: datetime
    finished_at: datetime | None
    outcome: Annotated[str | None, Meta(description="done, retry, discard, unknown or lost; null while it runs.")]
    reason: str | None
    latency_ms: int | None
    request: dict[str, Any] | None
    response: dict[str, Any] | None


class OneActionOut(ActionOut, frozen=True):
    """An action, with what it says and each of its attempts."""

    payload: dict[str, Any]
    history: list[AttemptOut]


@dataclass(frozen=True, slots=True)
class ActionQuery:
    """Which actions: all must hold.

    `since` and `until` bound when it was asked for, `plan` is the one that ordered it.
    """

    states: Sequence[str] = ()
    verb: str | None = None
    target: str | None = None
    rule: str | None = None
    provider: str | None = None
    post: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    plan: UUID | None = None

    @classmethod
    def parse(
        cls,
        now: datetime,
        *,
        state: Sequence[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        plan: UUID | None = None,
        **texts: str | None,
    ) -> ActionQuery:
        """The filters as people write them; `now` is what "ago" counts from. Raises BadParameter."""
        refuse_zero_bytes(**texts)
        if verb := texts.get("verb"):
            parse_choice("verb", verb, tuple(POLICIES))
        states = parse_choices("state", state, STATES)
        begin, end = parse_optional_time("since", since, now), parse_optional_time("until", until, now)
        return cls(states, since=begin, until=end, plan=plan, **{k: v or None for k, v in texts.items()})


async def list_actions(
    conn: Connection, query: ActionQuery, cursor: str | None = None, limit: int = 50
) -> Page[ActionOut]:
    """A page of actions, the newest first."""
    out = partial(into, ActionOut)
    return await list_page(conn, chosen(query, Action), NEWEST_FIRST, cursor, limit, out, each=each_of(query))


async def list_actions_with_attempts(
    conn: Connection, query: ActionQuery, cursor: str | None = None, limit: int = 50
) -> Page[OneActionOut]:
    """A page of actions with what they say and their attempts, the newest first."""
    page = await list_page(conn, chosen(query, Action), NEWEST_FIRST, cursor, limit, dict, each=each_of(query))
    return Page(await with_attempts(conn, page.items), page.next)


def chosen(query: ActionQuery, *columns: Any) -> AnySelect:
    """The actions that the query is about; in any state where `each_of` tells those apart."""
    states = None if each_of(query) else query.states
    names = ("verb", "target", "rule", "provider", "post", "reason")
    where = fitting(Action, state=states, **{name: getattr(query, name) for name in names})
    if query.since:
        where.append(col(Action.created_at) >= query.since)
    if query.until:
        where.append(col(Action.created_at) < query.until)
    if query.plan:
        again = select(col(PlanItem.again)).where(col(PlanItem.plan) == query.plan)
        where.append(col(Action.id).in_(again))
    return select(*columns).where(*where)


def each_of(query: ActionQuery) -> EachOf | None:
    """The states of which each is in order in an index; None: what the query is about is found by another one."""
    return None if query.post or query.plan else EachOf(col(Action.state), query.states or STATES)


async def one_action(conn: Connection, action: UUID) -> OneActionOut:
    """The action with its attempts; raises NotFound."""
    row = await fetch_one(conn, select(Action).where(col(Action.id) == action), f"action {action}")
    return (await with_attempts(conn, [row]))[0]


async def with_attempts(conn: Connection, rows: Sequence[Row | Mapping[str, Any]]) -> list[OneActionOut]:
    """Rows of actions as they are shown, each with its attempts, the first one first."""
    made = await attempts_of(conn, [row["id"] for row in rows])
    return [into(OneActionOut, row, history=made[row["id"]]) for row in rows]


async def attempts_of(conn: Connection, actions: Sequence[UUID]) -> Mapping[UUID, list[AttemptOut]]:
    """The attempts at each of the actions, the first one first; an action without any has an empty list."""
    made: dict[UUID, list[AttemptOut]] = defaultdict(list)
    data = col(Action.payload)["data"].label("data")
    told = select(ActionAttempt, data).join(Action, col(Action.id) == col(ActionAttempt.action))
    of_these = told.where(any_of(col(ActionAttempt.action), actions))
    in_order = of_these.order_by(col(ActionAttempt.action), col(ActionAttempt.attempt))
    for row in await fetch(conn, in_order) if actions else ():
        made[row["action"]].append(into(AttemptOut, row, request=with_data(row["request"], row["data"])))
    return made


async def count_by_state(conn: Connection, states: Sequence[str]) -> dict[str, int]:
    """How many actions are in each of the states."""
    number, state = func.count().label("actions"), col(Action.state)
    counted = select(state, number).where(any_of(state, states)).group_by(state)
    return {row["state"]: row["actions"] for row in await fetch(conn, counted)}
