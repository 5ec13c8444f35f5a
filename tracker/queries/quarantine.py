"""What could not be taken into the log: deliveries by filters, the newest first, and one as it came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import func, select
from sqlmodel import col

from tracker.parameters import parse_choices, parse_optional_time, refuse_zero_bytes
from tracker.queries.events import ArrivalTime, RawOut, raw_out
from tracker.queries.paging import AnySelect, Keyset, Page, fitting, list_page
from tracker.store.log.quarantine import STATES
from tracker.store.session import into
from tracker.store.tables.log import Quarantined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection, Row
    from tracker.store.log.quarantine import Kept


class QuarantinedOut(Struct, frozen=True):
    """A delivery that is not in the log, or was not when it came."""

    id: int
    provider: str
    reason: Annotated[str, Meta(description="Why it was not taken: a word of a closed list, as in not_json.")]
    authentic: Annotated[bool, Meta(description="Whether its signature was right when it came.")]
    delivery: Annotated[str, Meta(description="The hash of its body, in hexadecimal.")]
    received_at: ArrivalTime
    state: Annotated[str, Meta(description="held, replayed or discarded.")]
    settled_at: datetime | None
    size: Annotated[int, Meta(description="Of its body, in bytes.")]
    times: Annotated[int, Meta(description="How often it has come, in the same bytes.")]
    last_at: Annotated[datetime, Meta(description="When it came last.")]


class OneQuarantinedOut(QuarantinedOut, frozen=True):
    """One delivery of the quarantine."""

    raw: Annotated[RawOut | None, Meta(description="Only with `raw=true` and an admin key.")]


class VerdictOut(Struct, frozen=True):
    """What became of a delivery, or would."""

    id: int
    outcome: Annotated[
        str,
        Meta(description="kept, duplicate (it was in the log already), discarded, or held: it cannot be taken still."),
    ]
    reason: Annotated[str | None, Meta(description="Why it is held still: not_json, signature_wrong and the like.")]
    position: Annotated[int | None, Meta(description="Where it stands in the log now.")]
    dry_run: Annotated[bool, Meta(description="Nothing was done: this is what would become of it.")]


HELD = "held"

NEWEST_FIRST = Keyset("quarantine -id", tuple[int], col(Quarantined.id))
OLDEST_FIRST = Keyset("quarantine id", tuple[int], col(Quarantined.id), newest_first=False)


@dataclass(frozen=True, slots=True)
class QuarantineQuery:
    """Which deliveries: all must hold; `since` bounds the arrival."""

    states: Sequence[str] = ()
    provider: str | None = None
    reason: str | None = None
    authentic: bool | None = None
    since: datetime | None = None

    @classmethod
    def parse(
        cls, now: datetime, *, state: Sequence[str] | None = None, provider: str | None = None,
        reason: str | None = None, authentic: bool | None = None, since: str | None = None,
    ) -> QuarantineQuery:  # fmt: skip
        """The filters as people write them; without a state, what is held. Raises BadParameter."""
        refuse_zero_bytes(provider=provider, reason=reason)
        states = parse_choices("state", state, STATES) or (HELD,)
        begin = parse_optional_time("since", since, now)
        return cls(states, provider or None, reason or None, authentic, begin)


async def list_quarantine(
    conn: Connection, query: QuarantineQuery, cursor: str | None = None, limit: int = 50
) -> Page[QuarantinedOut]:
    """A page of the quarantine without bodies, the newest first."""
    return await list_page(conn, chosen(query), NEWEST_FIRST, cursor, limit, partial(into, QuarantinedOut))


async def list_quarantine_raw(
    conn: Connection, query: QuarantineQuery, cursor: str | None = None, limit: int = 50
) -> Page[OneQuarantinedOut]:
    """A page of the quarantine with headers and bodies as they came, the newest first."""
    as_they_came = chosen(query, col(Quarantined.headers), col(Quarantined.body), col(Quarantined.body_hash))
    return await list_page(conn, as_they_came, NEWEST_FIRST, cursor, limit, _out_with_raw)


async def oldest_held(
    conn: Connection, query: QuarantineQuery, cursor: str | None = None, limit: int = 50
) -> Page[QuarantinedOut]:
    """A page of what would be tried again, the oldest first."""
    return await list_page(conn, chosen(query), OLDEST_FIRST, cursor, limit, partial(into, QuarantinedOut))


def one_quarantined_out(kept: Kept, *, raw: bool) -> OneQuarantinedOut:
    """One delivery as it is shown by itself; `raw`: as it came."""
    names = QuarantinedOut.__struct_fields__
    as_it_came = raw_out(kept.headers, kept.body, kept.body_hash) if raw else None
    shown = {name: getattr(kept, name) for name in names} | {"last_at": kept.last_at or kept.received_at}
    return OneQuarantinedOut(**shown, raw=as_it_came)


def _out_with_raw(row: Row) -> OneQuarantinedOut:
    return into(OneQuarantinedOut, row, raw=raw_out(row["headers"], row["body"], row["body_hash"]))


def chosen(query: QuarantineQuery, *more: Any) -> AnySelect:
    """The deliveries that the query is about, with what is shown of them, and more columns."""
    names = ("id", "provider", "reason", "authentic", "delivery", "received_at", "state", "settled_at", "times")
    size = func.length(col(Quarantined.body)).label("size")
    wanted = {name: getattr(query, name) for name in ("provider", "reason", "authentic")}
    where = fitting(Quarantined, state=query.states, **wanted)
    if query.since is not None:
        where.append(col(Quarantined.received_at) >= query.since)
    last = func.coalesce(col(Quarantined.last_at), col(Quarantined.received_at)).label("last_at")
    return select(*(getattr(Quarantined, name) for name in names), size, last, *more).where(*where)
