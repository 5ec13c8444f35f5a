"""What we tell ourselves: the results of actions, manual operations and answers to our questions, as events.

They come in by the same log as webhooks, so that a rebuild reproduces them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tracker.domain.posts.event import EXACT, Fact, Problem, State, TargetFact, dated
from tracker.settings import RESERVED_PROVIDERS

if TYPE_CHECKING:
    from tracker.domain.posts.event import LoggedEvent
    from tracker.providers.base import FactReader


SECOND = timedelta(seconds=1)
"""What a provider's answer is dated by, where it tells no fractions."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class OwnFact(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The body of an event of our own; `at` is when it was true."""

    event: str
    at: Moment
    post: str | None = None
    state: State | None = None
    raw_status: str | None = None
    targets: tuple[TargetFact, ...] = ()
    problem: Problem | None = None
    scheduled_at: Moment | None = None
    attempt: int | None = None
    detail: Mapping[str, Any] = {}
    labels: Mapping[str, str] = {}
    lists_whole: bool = False
    remarks: tuple[tuple[str, str], ...] = ()
    ends_by_name: bool = False
    excerpt: str | None = None
    thumbnail: str | None = None
    attributes: Mapping[str, str] = {}


_decoder = msgspec.json.Decoder(OwnFact)


def encode(told: OwnFact) -> bytes:
    """The body to append: the same bytes for the same content, so that a repetition is known for one."""
    return msgspec.json.encode(told, order="sorted")


@dataclass(frozen=True, slots=True)
class InternalReader:
    """Reads the events of the sources action, manual, rule, signal and reconcile."""

    def facts(self, event: LoggedEvent) -> tuple[Fact, ...]:
        """The one fact that the event is; raises ValueError when the body is not one of ours."""
        told = _decoder.decode(event.body)
        occurred_at, is_dated, ahead = dated(told.at, event.received_at)
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
                state=told.state,
                raw_status=told.raw_status,
                targets=told.targets,
                problem=told.problem,
                scheduled_at=told.scheduled_at,
                attempt=told.attempt,
                detail=told.detail,
                labels=told.labels,
                lists_whole=told.lists_whole,
                remarks=told.remarks,
                ends_by_name=told.ends_by_name,
                excerpt=told.excerpt,
                thumbnail=told.thumbnail,
                attributes=told.attributes,
                dated=is_dated,
                unit=SECOND if event.source == "reconcile" and not told.at.microsecond else EXACT,
                ahead=ahead,
            ),
        )


def fact_readers(providers: Mapping[str, FactReader]) -> dict[str, FactReader]:
    """Who reads the events of each source of the log: the providers', and our own."""
    return {**providers, **dict.fromkeys(RESERVED_PROVIDERS, InternalReader())}
