"""A provider whose webhooks are declared: a signature scheme, a vocabulary, and the header of the delivery's id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracker.domain.event import Fact
from tracker.errors import Rejected
from tracker.providers.base import Item, Reading
from tracker.providers.body import decode, find, is_id, time_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.domain.event import LoggedEvent
    from tracker.providers.signature import Verifier
    from tracker.providers.vocabulary import Vocabulary

ABOUT_POSTS = "post."


@dataclass(frozen=True, slots=True)
class Adapter:
    """Reads one provider's webhooks; a `Provider`."""

    verifier: Verifier
    words: Vocabulary
    delivery_header: str

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raises Rejected when the sender is not who it says."""
        self.verifier.verify(headers, body, now)

    def read(self, headers: Mapping[str, str], body: bytes) -> Reading:
        """What the delivery is about; raises Rejected, with the code of what is missing."""
        try:
            value = decode(body)
        except ValueError as error:
            raise Rejected("not_json", f"the body is not JSON: {error}") from error
        kind = self._kind(value)
        kept = self.verifier.scheme.keepable | {self.delivery_header}
        return Reading(
            kind=kind,
            items=(Item(self._post(value, kind)),),
            occurred_at=time_at(value, self.words.paths["occurred_at"], self.words.zone),
            delivery=headers.get(self.delivery_header, "").strip()[:255] or None,
            headers={name: headers[name] for name in sorted(kept) if name in headers},
        )

    def facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        """The one fact that the event is, in neutral words."""
        report = self.words.report(decode(event.body), event.kind)
        return (
            Fact(
                id=event.fact_id,
                provider=event.provider,
                post=event.post,
                event=event.kind,
                source=event.source,
                occurred_at=event.occurred_at or event.received_at,
                received_at=event.received_at,
                position=event.position,
                state=report.state,
                raw_status=report.raw_status,
                targets=report.targets,
                problem=report.problem,
                scheduled_at=report.scheduled_at,
                attempt=report.attempt,
            ),
        )

    def _kind(self, value: Any) -> str:
        found = find(value, self.words.paths["event"])
        if not isinstance(found, str) or not found.strip():
            raise Rejected("no_event", "the body names no event")
        kind = found.strip().lower()
        if not is_id(kind):
            raise Rejected("bad_event", "the event's name cannot be stored")
        return kind

    def _post(self, value: Any, kind: str) -> str | None:
        found = find(value, self.words.paths["post"])
        if found is None or found == "":
            if kind.startswith(ABOUT_POSTS):
                raise Rejected("no_post", f"{kind} names no post")
            return None
        if type(found) is int:
            found = str(found) if abs(found) < 10**30 else ""
        if not isinstance(found, str) or not is_id(found):
            raise Rejected("bad_post", "the post's id cannot be stored")
        return found
