"""What the API takes and answers about silences."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct, field

from tracker.domain.runs.pause import MATCHED, Silence
from tracker.store.reactions.silences import Hid

Matched = Annotated[
    dict[str, str],
    Meta(description=f"What alerts must be, by value or glob, all of it: {', '.join(MATCHED)}.",
         examples=[{"rule": "stuck-*", "platform": "instagram"}]),
]  # fmt: skip


class NewSilence(Struct, frozen=True, forbid_unknown_fields=True):
    """Which alerts are to be hidden, until when, and why."""

    match: Matched
    reason: Annotated[str, Meta(description="Why, for those who wonder.", examples=["Instagram maintenance"])]
    until: Annotated[str | None, Meta(description="A time with a zone; at most 30 days ahead.")] = None
    for_: Annotated[str | None, Meta(description="Instead of `until`, how long.", examples=["2h"])] = field(
        name="for", default=None
    )


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


def silence_out(silence: Silence, hid: Hid, now: datetime) -> SilenceOut:
    """A silence as it is shown."""
    return SilenceOut(
        silence.id, dict(silence.match), silence.since, silence.until, silence.since <= now < silence.until,
        silence.by, silence.reason, HidOut(hid.count, [_hidden(row) for row in hid.newest]),
    )  # fmt: skip


def _hidden(row: Any) -> HiddenOut:
    said = row["payload"]
    return HiddenOut(
        row["id"], row["rule"], row["target"], str(said.get("title", "")), str(said.get("severity", "")),
        row["provider"], row["post"], row["created_at"],
    )  # fmt: skip
