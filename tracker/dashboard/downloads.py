"""Lists as CSV files: what a page shows, with the same filters, to the end or to a bound, sent as it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import get
from litestar.response import Stream

from tracker.dashboard.quarantine import SIGNATURES
from tracker.dashboard.query import Query, post_query
from tracker.dashboard.session import HEADERS, Db, Here, Now
from tracker.queries.actions import ActionOut, ActionQuery, list_actions
from tracker.queries.paging import MAX_LIMIT
from tracker.queries.post_views import PostOut
from tracker.queries.posts import NEWEST_FIRST, list_posts
from tracker.queries.quarantine import QuarantinedOut, QuarantineQuery, list_quarantine
from tracker.queries.runs import RunOut, RunQuery, list_runs
from tracker.queries.tabular import CSV, csv_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from litestar.handlers import HTTPRouteHandler
    from msgspec import Struct

    from tracker.queries.paging import Page
    from tracker.store.database import Connection, Database

PAGES = 20
"""So many pages of MAX_LIMIT are one file."""

MARK = "\ufeff"
"""Without it some spreadsheets take UTF-8 for something else."""

Next = Callable[["Connection", str | None], Awaitable["Page[Any]"]]


@dataclass(frozen=True, slots=True)
class Download:
    """A list that can be had as a file; `asking` makes of an address what asks for the page behind a cursor."""

    name: str
    kind: type[Struct]
    asking: Callable[[Query, datetime], Next]

    def handler(self) -> HTTPRouteHandler:
        """What answers for it."""

        async def send(visit: Here, database: Db, now: Now) -> Stream:
            ask = self.asking(Query(visit.request.query_params), now)
            async with database.connection() as conn:
                first = await ask(conn, None)  # a slip in a filter is said before anything is sent
            headers = HEADERS | {"Content-Disposition": f'attachment; filename="{self.name}.csv"'}
            return Stream(self._lines(database, ask, first), media_type=CSV, headers=headers)

        return get(f"/{self.name}.csv", name=f"{self.name}.csv")(send)

    async def _lines(self, database: Database, ask: Next, page: Page[Any]) -> AsyncIterator[str]:
        yield MARK + csv_of(self.kind, page.items)
        for _ in range(PAGES - 1):
            if page.next is None:
                return
            async with database.connection() as conn:
                page = await ask(conn, page.next)
            yield csv_of(self.kind, page.items, heading=False)


def _posts(asked: Query, now: datetime) -> Next:
    query = post_query(asked, now)
    return lambda conn, cursor: list_posts(conn, query, NEWEST_FIRST, cursor, MAX_LIMIT)


def _actions(asked: Query, now: datetime) -> Next:
    query = ActionQuery.parse(now, state=_states(asked))
    return lambda conn, cursor: list_actions(conn, query, cursor, MAX_LIMIT)


def _runs(asked: Query, now: datetime) -> Next:
    query = RunQuery.parse(now, state=_states(asked), rule=asked.text("rule"))
    return lambda conn, cursor: list_runs(conn, query, cursor, MAX_LIMIT)


def _quarantine(asked: Query, now: datetime) -> Next:
    signature = asked.words("signature", SIGNATURES)
    query = QuarantineQuery.parse(
        now, state=_states(asked), provider=asked.text("provider"), reason=asked.text("reason"),
        authentic=SIGNATURES[signature[0]] if len(signature) == 1 else None,
    )  # fmt: skip
    return lambda conn, cursor: list_quarantine(conn, query, cursor, MAX_LIMIT)


def _states(asked: Query) -> Sequence[str]:
    states: list[str] = asked.query.getall("state", [])
    return states


DOWNLOADS = [
    Download("posts", PostOut, _posts).handler(),
    Download("actions", ActionOut, _actions).handler(),
    Download("runs", RunOut, _runs).handler(),
    Download("quarantine", QuarantinedOut, _quarantine).handler(),
]
