"""What is shown of the quarantine."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from tracker.queries.events import ArrivalTime, RawOut


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
