"""A provider whose webhooks are declared: how they are signed, where their values stand, and what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracker.domain.posts.event import EXACT, Fact, dated
from tracker.errors import Rejected
from tracker.providers.base import Reading
from tracker.providers.mapping.paths import LONGEST_ID, decode, is_id, text_of
from tracker.providers.times import time_of, unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracker.domain.posts.event import LoggedEvent
    from tracker.providers.handshake import Handshake
    from tracker.providers.mapping.contents import Remark
    from tracker.providers.mapping.mapping import PayloadMapping
    from tracker.providers.signature import Verifier

MOST_POSTS = 1000
NO_POST = (None,)
NOTHINGS = frozenset({b"", b"[]", b"{}", b"null", b"[null]", b"[{}]"})


@dataclass(frozen=True, slots=True)
class Adapter:
    """Reads one provider's webhooks; a `Provider`.

    `variants` are the words of events that are built otherwise, by how their names begin. `unnamed` is the name of
    events that have none. Events that begin with one of `about_posts` must name a post; others may only `anywhere`.
    `asks` is set where a delivery without content is a reason to ask the provider.
    `event_header` and `post_header` tell what the body does not.
    """

    verifier: Verifier
    words: PayloadMapping
    variants: tuple[tuple[tuple[str, ...], PayloadMapping], ...]
    delivery_header: str
    kept_headers: tuple[str, ...]
    unnamed: str
    about_posts: tuple[str, ...]
    anywhere: bool
    asks: bool = False
    event_header: str = ""
    post_header: str = ""
    handshake: Handshake | None = None

    @property
    def secret_headers(self) -> frozenset[str]:
        """The headers that are the secret itself."""
        return self.verifier.scheme.secret_headers

    @property
    def takes_path(self) -> bool:
        """Whether the secret may be the end of the address."""
        return self.verifier.scheme.takes_path

    @property
    def signs_target(self) -> bool:
        """Whether the address is part of what is signed."""
        return self.verifier.scheme.signs_target

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime, path: str = "", target: str = "") -> None:
        """Raises Rejected when the sender is not who it says."""
        self.verifier.verify(headers, body, now, path, target)

    def greeted(self, query: str) -> str | None:
        """The answer to a GET; None where it is not one that we answer. Raises Rejected for a wrong token."""
        return self.handshake.to_query(query) if self.handshake else None

    def challenged(self, body: bytes) -> str | dict[str, str] | None:
        """The answer to an authentic delivery that only asks whether we are there, a text or a table; else None."""
        return self.handshake.to_body(body, self.verifier.signature_of) if self.handshake else None

    def read(self, headers: Mapping[str, str], body: bytes) -> Reading:
        """What the delivery is about; raises Rejected, with the code of what is missing."""
        words = self.words
        try:
            event, told, post, moment = words.heading.of(body)
        except ValueError as error:
            raise Rejected("not_json", f"the body is not JSON: {error}") from error
        kind = self._kind(event, headers)
        if self.variants and (others := self._words(kind)) is not words:
            words = others
            _, _, post, moment = words.heading.of(body)
        return Reading(
            kind,
            self._posts(post, kind, words, headers, body),
            time_of(moment, words.zone),
            self._delivery(told, headers),
            {name: headers[name] for name in self.kept_headers if name in headers},
        )

    def is_reason_to_ask(self, body: bytes) -> bool:
        """Whether the delivery says nothing, and that is why the provider is to be asked."""
        return self.asks and len(body) <= LONGEST_ID and body.strip() in NOTHINGS

    def facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        """The one fact that the event is, in neutral words."""
        words = self._words(event.kind) if self.variants else self.words
        value = decode(event.body)
        report = words.report(_part(words, value, event.part) if words.several else value, event.kind)
        found, told, remarks = words.occurred_at(value), event.occurred_at, report.remarks
        if told is None and found is not None:
            told, remarks = _read_late(words, found, remarks)
        occurred_at, is_dated, ahead = dated(told, event.received_at)
        return (
            Fact(
                id=event.fact_id,
                provider=event.provider,
                post=event.post,
                event=event.kind,
                source=event.source,
                occurred_at=occurred_at,
                received_at=event.received_at,
                position=event.position,
                state=report.state,
                raw_status=report.raw_status,
                targets=report.targets,
                problem=report.problem,
                scheduled_at=report.scheduled_at,
                attempt=report.attempt,
                lists_whole=report.lists_whole,
                remarks=remarks,
                ends_by_name=report.ends_by_name,
                dated=is_dated,
                unit=unit_of(found) if is_dated and found is not None else EXACT,
                ahead=ahead,
                excerpt=report.excerpt,
                thumbnail=report.thumbnail,
                attributes=report.attributes,
                account=words.accounts.read(value, event.kind) if event.post is None else None,
            ),
        )

    def _words(self, kind: str) -> PayloadMapping:
        for prefixes, words in self.variants:
            if kind.startswith(prefixes):
                return words
        return self.words

    def _kind(self, found: Any, headers: Mapping[str, str]) -> str:
        if not isinstance(found, str) or not found.strip():
            found = headers.get(self.event_header, "").partition("\n")[0] or self.unnamed
        if not found:
            raise Rejected("no_event", "the body names no event")
        kind: str = found.strip().lower()
        if not is_id(kind):
            raise Rejected("bad_event", "the event's name cannot be stored")
        return kind

    def _delivery(self, told: Any, headers: Mapping[str, str]) -> str | None:
        """The body's own id comes first: it is part of what was signed."""
        found = text_of(told) or headers.get(self.delivery_header, "").partition("\n")[0]
        return found.strip()[:LONGEST_ID] or None

    def _posts(
        self, found: Any, kind: str, words: PayloadMapping, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, ...]:
        """The posts that it is about; `found` is where the one stands of an event about one."""
        needed = kind.startswith(self.about_posts)
        if not needed and not self.anywhere:
            return NO_POST
        if not words.several:
            if self.post_header and found in (None, ""):
                found = headers.get(self.post_header, "").partition("\n")[0].strip()
            return (_post(found, kind, needed=needed),)
        entries = words.entries(decode(body))
        if len(entries) > MOST_POSTS:
            raise Rejected("too_many_posts", f"{kind} is about more than {MOST_POSTS} posts")
        if not entries:
            return (_post(None, kind, needed=needed),)
        named = (words.post(entry) if isinstance(entry, dict) else entry for entry in entries)
        return tuple(_post(one, kind, needed=True) for one in named)


def _read_late(
    words: PayloadMapping, found: Any, remarks: tuple[Remark, ...]
) -> tuple[datetime | None, tuple[Remark, ...]]:
    """The time, if the door could not read it as it does now, and the remarks with one where nobody can."""
    more: list[Remark] = []
    return words.time("occurred_at", found, more), (*more, *remarks)


def _part(words: PayloadMapping, value: Any, part: int) -> Any:
    """What the body says of one of its posts; an entry that is no table is the post's id, and says nothing else."""
    entries = words.entries(value)
    return entries[part] if part < len(entries) else None


def _post(found: Any, kind: str, *, needed: bool) -> str | None:
    if found is None or found == "":
        if needed:
            raise Rejected("no_post", f"{kind} names no post")
        return None
    if type(found) is int:
        found = str(found) if abs(found) < 10**30 else ""
    if not isinstance(found, str) or not is_id(found):
        raise Rejected("bad_post", "the post's id cannot be stored")
    return found
