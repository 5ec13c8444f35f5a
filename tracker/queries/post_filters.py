"""Which posts a list, a number or a table of causes is about: filters as people write them, and as Postgres does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import ColumnElement, and_, case, cast, exists, func, literal, literal_column, or_, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH
from sqlalchemy.types import Text
from sqlmodel import col

from tracker.domain.posts.description import terms_of
from tracker.domain.posts.event import State
from tracker.domain.posts.target import ENDED
from tracker.parameters import (
    parse_attributes,
    parse_choice,
    parse_choices,
    parse_optional_time,
    parse_span,
    refuse_zero_bytes,
)
from tracker.queries.paging import fetch, fitting, of_current_projection
from tracker.store.tables.posts import Post as Posts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Select

    from tracker.store.database import Connection

STATES = tuple(str(state) for state in State)
STILL_OPEN = tuple(sorted(set(State) - ENDED))
"""The states in which a post can be stuck: all but the ends."""

SOUGHT = ("$.**.problem.*", "$.**.url", "$.excerpt", "$.targets.*.account", "$.attributes.*", "$.labels.*")


@dataclass(frozen=True, slots=True)
class PostQuery:
    """Which posts: all must hold.

    `since` and `until` bound the last event, `scheduled_from` and `scheduled_to` the time a post is planned for;
    `still_since` is the moment since which nothing moved: without `states` it means posts that have not ended. `error`
    is the code of what went wrong with a part of the post. `q` is sought in ids, errors, addresses, the beginnings of
    texts, accounts, attributes and labels.
    """

    states: Sequence[str] = ()
    platform: str | None = None
    account: str | None = None
    provider: str | None = None
    error: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    scheduled_from: datetime | None = None
    scheduled_to: datetime | None = None
    still_since: datetime | None = None
    q: str | None = None
    attributes: Sequence[tuple[str, str]] = ()
    labels: Sequence[tuple[str, str]] = ()

    @classmethod
    def parse(
        cls,
        now: datetime,
        *,
        state: Sequence[str] | None = None,
        since: str | None = None,
        until: str | None = None,
        scheduled_from: str | None = None,
        scheduled_to: str | None = None,
        stuck_for: str | None = None,
        attribute: Sequence[str] | None = None,
        label: Sequence[str] | None = None,
        platform: str | None = None,
        **texts: str | None,
    ) -> PostQuery:
        """The filters as people write them; `now` is what "ago" counts from. Raises BadParameter."""
        refuse_zero_bytes(platform=platform, **texts)
        times = {"since": since, "until": until, "scheduled_from": scheduled_from, "scheduled_to": scheduled_to}
        moments: dict[str, Any] = {name: parse_optional_time(name, text, now) for name, text in times.items()}
        words: dict[str, Any] = {name: text or None for name, text in texts.items()}
        return cls(
            states=parse_choices("state", state, STATES),
            platform=platform.lower() if platform else None,
            still_since=now - parse_span("stuck_for", stuck_for, now) if stuck_for else None,
            attributes=parse_attributes("attribute", attribute),
            labels=parse_attributes("label", label),
            **moments,
            **words,
        )

    @property
    def wanted_states(self) -> Sequence[str]:
        """The states that a post may be in; none named: any."""
        return self.states or (STILL_OPEN if self.still_since else ())

    @property
    def terms(self) -> list[str]:
        """Under what a post must be filed."""
        return terms_of(self.attributes, self.labels, [self.error] if self.error else [])


def filters(query: PostQuery) -> list[ColumnElement[bool]]:
    """What holds of the posts, but for their state and the words searched for."""
    at, planned = col(Posts.last_event_at), col(Posts.scheduled_at)
    where = [of_current_projection(), *fitting(Posts, provider=query.provider)]
    for column, wanted in (
        (Posts.platforms, [query.platform] if query.platform is not None else []),
        (Posts.accounts, [query.account] if query.account is not None else []),
        (Posts.terms, query.terms),
    ):
        if wanted:  # where nearly all are empty, to say that it is not keeps Postgres from expecting one in two hundred
            where += [col(column).op("@>")(cast(wanted, ARRAY(Text))), col(column) != literal_column("'{}'::text[]")]
    for time, begin, end in ((at, query.since, query.until), (planned, query.scheduled_from, query.scheduled_to)):
        where += [time >= begin] if begin is not None else []
        where += [time < end] if end is not None else []
    if query.still_since is not None:  # what is scheduled has not stood still before its time
        due = case((col(Posts.state) == State.SCHEDULED, planned))
        where.append(func.greatest(col(Posts.entered_at), due) <= query.still_since)
    return where


def says(post: ColumnElement[Any], fold: ColumnElement[Any], q: str) -> ColumnElement[bool]:
    """The id or one of SOUGHT holds the text. The JSON as text is asked first: it is quick, and holds more."""
    text, as_json = (f"%{_literally(word)}%" for word in (q, msgspec.json.encode(q).decode()[1:-1]))

    def among(path: str) -> Select[int]:
        word = func.jsonb_path_query(cast(fold, JSONB), cast(path, JSONPATH)).column_valued("word")
        return select(literal(1)).where(word.op("#>>")(cast([], ARRAY(Text))).ilike(text))

    seen = exists(union_all(*map(among, SOUGHT)))
    return or_(post.ilike(text), and_(fold.ilike(as_json), seen))


async def require_provider(conn: Connection, name: str | None, configured: Collection[str]) -> None:
    """Raise BadParameter, with the nearest name, for a provider that is not configured and has no post either."""
    if name is not None and name not in configured:
        theirs = select(literal(1)).where(of_current_projection(), *fitting(Posts, provider=name)).limit(1)
        if not await fetch(conn, theirs):
            parse_choice("provider", name, configured)


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
