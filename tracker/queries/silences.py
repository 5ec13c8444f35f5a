"""Alerts kept from people for a while: silences, those over too, and what each hid."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.domain.runs.engine_state import MATCHED
from tracker.parameters import parse_choices
from tracker.queries.paging import AnySelect, Keyset, Page, fetch_one, list_page
from tracker.store.session import into
from tracker.store.tables.reactions import Silence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row

STATES = ("active", "ended")
MOST_COUNTED = 10_000
"""What one silence hid is counted up to this many."""
NEWEST_SHOWN = 5
"""Hidden alerts of each silence in a list."""
NEWEST_OF_ONE = 50

NEWEST_FIRST = Keyset("-since", tuple[datetime, UUID], col(Silence.since), (col(Silence.id),))

Matched = Annotated[
    dict[str, str],
    Meta(description=f"What alerts must be, by value or glob, all of it: {', '.join(MATCHED)}.",
         examples=[{"rule": "stuck-*", "platform": "instagram"}]),
]  # fmt: skip


class HiddenOut(Struct, frozen=True):
    """An alert that nobody got."""

    action: UUID
    rule: str | None
    channel: str
    title: str
    severity: str
    provider: str
    post: str | None
    created_at: datetime


class HidOut(Struct, frozen=True):
    """What a silence kept from people."""

    count: Annotated[int, Meta(description="Counted up to 10 000.")]
    newest: list[HiddenOut]


class SilenceOut(Struct, frozen=True):
    """Alerts that nobody gets for a while; kept when it is over."""

    id: UUID
    match: Matched
    since: datetime
    until: datetime
    active: bool
    by: Annotated[str, Meta(description="The name of the key that began it.")]
    reason: str
    hid: HidOut


HIDDEN = """
select hidden.by, counted.alerts
  from unnest($1::text[]) as hidden (by)
 cross join lateral (select count(*) as alerts
                       from (select from actions where hidden_by = hidden.by limit $2) a) counted
"""

NEWEST_HIDDEN = """
select a.*
  from unnest($1::text[]) as hidden (by)
 cross join lateral (select * from actions where hidden_by = hidden.by order by created_at desc limit $2) a
 order by a.created_at desc, a.id
"""


async def list_silences(
    conn: Connection, states: Sequence[str] | None, now: datetime, cursor: str | None = None, limit: int = 50
) -> Page[SilenceOut]:
    """A page of silences, the newest first, each with what it hid; `states` are some of STATES, or none for all."""
    chosen = in_states(parse_choices("state", states, STATES), now)
    page = await list_page(conn, chosen, NEWEST_FIRST, cursor, limit, dict)
    hid = await _hid(conn, [row["id"] for row in page.items], NEWEST_SHOWN)
    return Page([_silence_out(row, hid, now) for row in page.items], page.next)


def in_states(states: Sequence[str], now: datetime) -> AnySelect:
    """Silences that are active or have ended, or all."""
    if set(states) == {"active"}:
        return select(Silence).where(col(Silence.until) > now)
    if set(states) == {"ended"}:
        return select(Silence).where(col(Silence.until) <= now)
    return select(Silence)


async def one_silence(conn: Connection, silence: UUID, now: datetime) -> SilenceOut:
    """One silence, over or not, with what it hid; raises NotFound."""
    row = await fetch_one(conn, select(Silence).where(col(Silence.id) == silence), f"silence {silence}")
    return _silence_out(row, await _hid(conn, [silence], NEWEST_OF_ONE), now)


async def _hid(conn: Connection, silences: Sequence[UUID], newest: int) -> dict[UUID, HidOut]:
    names = {f"silence {silence}": silence for silence in silences}
    counts = {row["by"]: row["alerts"] for row in await conn.fetch(HIDDEN, list(names), MOST_COUNTED)}
    rows = await conn.fetch(NEWEST_HIDDEN, list(names), newest)
    return {
        silence: HidOut(counts[name], [_hidden(row) for row in rows if row["hidden_by"] == name])
        for name, silence in names.items()
    }


def _silence_out(row: Any, hid: dict[UUID, HidOut], now: datetime) -> SilenceOut:
    return into(SilenceOut, row, active=row["since"] <= now < row["until"], hid=hid[row["id"]])


def _hidden(row: Row) -> HiddenOut:
    alert = row["payload"]
    return HiddenOut(
        row["id"], row["rule"], row["target"], str(alert.get("title", "")), str(alert.get("severity", "")),
        row["provider"], row["post"], row["created_at"],
    )  # fmt: skip
