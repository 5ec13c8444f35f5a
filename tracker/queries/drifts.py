"""What has changed in the payloads of providers: the findings that are open, and those that are over."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import select
from sqlmodel import col

from tracker.domain.drift.findings import Drift, Finding
from tracker.parameters import parse_choices, refuse_zero_bytes
from tracker.queries.paging import Keyset, Page, fitting, list_page
from tracker.store.drift import drifts
from tracker.store.tables.operations import DriftFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracker.store.database import Connection
    from tracker.store.drift.drifts import Known

STATES = ("open", "ended")

KEY = tuple(col(one) for one in (DriftFound.provider, DriftFound.event, DriftFound.drift, DriftFound.path,
                                 DriftFound.found))  # fmt: skip
NEWEST_FIRST = Keyset("-since", tuple[datetime, str, str, str, str, str], col(DriftFound.since), KEY)


class DriftOut(Struct, frozen=True):
    """One thing that has changed in what a provider sends."""

    provider: str
    event: Annotated[str, Meta(description="The event's name.")]
    drift: Annotated[str, Meta(description="event, status, field, type or vanished.")]
    path: Annotated[str, Meta(description="Where in the body; `[]` is each element, `*` each name. Empty of an event.")]
    found: Annotated[str, Meta(description="The new name, word or type; empty of what has vanished.")]
    name: Annotated[str, Meta(description="What the mapping calls the place, where it reads it.")]
    was: Annotated[str, Meta(description="The type that stood there.")]
    instead: Annotated[str, Meta(description="A new field beside what has vanished, and of the same type.")]
    says: Annotated[str, Meta(description="All of this in a sentence.")]
    remedy: Annotated[str, Meta(description="The lines of configuration that would map it; states in it are guessed.")]
    since: datetime
    ended_at: Annotated[datetime | None, Meta(description="When it was mapped, as before, or usual by then.")]
    last_at: Annotated[datetime, Meta(description="When the last such event came, of those that were looked at.")]
    times: Annotated[int, Meta(description="How often it was found: it may be over and come again.")]
    events: Annotated[int, Meta(description="Events that show it, of those that were looked at.")]
    posts: Annotated[list[str], Meta(description="The newest posts that they tell of, at most 100, the newest last.")]
    example: Annotated[Any, Meta(description="Such a body, with texts told by their length and ids cut.")]


async def list_drifts(
    conn: Connection, states: Sequence[str] | None = None, provider: str | None = None, cursor: str | None = None,
    limit: int = 50,
) -> Page[DriftOut]:  # fmt: skip
    """A page of findings, the newest first."""
    refuse_zero_bytes(provider=provider)
    wanted = parse_choices("state", states, STATES)
    drifted, ended = select(DriftFound).where(*fitting(DriftFound, provider=provider or None)), col(DriftFound.ended_at)
    if len(set(wanted)) == 1:
        drifted = drifted.where(ended.is_(None) if wanted[0] == "open" else ended.is_not(None))
    return await list_page(conn, drifted, NEWEST_FIRST, cursor, limit, lambda row: drift_out(drifts.known(row)))


async def open_drifts(conn: Connection) -> list[DriftOut]:
    """All that are not over, by provider, the oldest first."""
    return [drift_out(known) for known in await drifts.open_drifts(conn)]


def drift_out(known: Known) -> DriftOut:
    """A finding as it is shown."""
    finding = known.finding
    return DriftOut(
        known.provider, known.event, known.drift, known.path, known.found, finding.name, finding.was, finding.instead,
        says(finding), known.said.get("remedy", ""), known.since, known.ended_at, known.last_at, known.times,
        known.events, known.posts, known.said.get("example"),
    )  # fmt: skip


def says(finding: Finding) -> str:
    """What has changed, in a sentence."""
    match finding.drift:
        case Drift.EVENT:
            return f'a new event "{finding.found}", which nothing maps'
        case Drift.STATUS:
            return f'a new status "{finding.found}" at {finding.path} of {finding.event}, which nothing maps'
        case Drift.FIELD:
            return f"a new field {finding.path} ({finding.found}) of {finding.event}, beside what is read"
        case Drift.TYPE:
            return f"{finding.path} of {finding.event} ({finding.name}) is now {finding.found}, and was {finding.was}"
    instead = f"; {finding.instead} is new beside it" if finding.instead else ""
    return f"{finding.path} of {finding.event} ({finding.name}) stands there no more{instead}"
