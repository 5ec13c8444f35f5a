"""The list of posts: its filters stand in the address, each can be taken away, and it says how many fit and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from tracker.dashboard.overview import IN_ORDER, OverviewData
from tracker.dashboard.query import POST_FILTERS, SEVERAL, Query, address, post_query
from tracker.dashboard.session import ON_A_PAGE, Db, Here, Now, ProviderNames
from tracker.domain.posts.target import FALLEN_SHORT
from tracker.queries.accounts import names_in
from tracker.queries.causes import USUAL, list_causes
from tracker.queries.post_counts import COUNTED, COUNTED_OF_A_STATE, Counts, count_fitting
from tracker.queries.post_filters import PostQuery, require_provider
from tracker.queries.posts import NEWEST_FIRST, page_of_posts

SPANS = ("1h", "24h", "7d", "30d")
CAUSES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Tab:
    """The posts of one state, or of all (None), that fit the other filters; `number` None: nobody counted them."""

    state: str | None
    number: int | None
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and the address of the list without it."""

    name: str
    value: str
    without: str


@get("/posts")
async def show_posts(
    visit: Here, database: Db, now: Now, provider_names: ProviderNames, lookout: NamedDependency[OverviewData]
) -> Response[Any]:
    """The newest first; the filters are in the address, so that it can be kept and sent."""
    asked = Query(visit.request.query_params)
    query = post_query(asked, now)
    failing = bool(query.states) and FALLEN_SHORT.issuperset(query.states)
    async with database.connection() as conn:
        await require_provider(conn, query.provider, provider_names)
        posts, following = await page_of_posts(conn, query, NEWEST_FIRST, asked.cursor, ON_A_PAGE)
        counts = await _counts(lookout, query) or await count_fitting(conn, query)
        explained = (failing or query.error) and not query.q and not asked.cursor
        causes = await list_causes(conn, query, now, USUAL) if explained else None
        called = await names_in(conn, posts)
    given = _given(asked, query)
    return visit.list_page(
        "posts", "/posts", following, given, posts=posts, given=given, called=called, causes=causes,
        tabs=_tabs(query, given, counts), counts=counts, counted=COUNTED, of_a_state=COUNTED_OF_A_STATE,
        chips=_chips(given), choices=await lookout.choices(), spans=SPANS, causes_shown=CAUSES_SHOWN,
        since_of_causes=given["since"] or "24h", many_here=True,
    )  # fmt: skip


def _given(asked: Query, query: PostQuery) -> dict[str, Any]:
    """The filters as they stand in an address."""
    texts = {name: asked.text(name) or "" for name in POST_FILTERS}
    pairs = {"attribute": query.attributes, "label": query.labels}
    several = {name: [":".join(pair) for pair in pairs[name]] for name in SEVERAL}
    return {"state": query.states, **texts, "platform": query.platform or "", **several}


async def _counts(lookout: OverviewData, query: PostQuery) -> Counts | None:
    """All posts of each state, which somebody has counted just now, where no other filter is on."""
    if replace(query, states=()) != PostQuery():
        return None
    states = {str(state): number for state, number in (await lookout.states()).items()}
    return Counts(states, sum(states.get(state, 0) for state in query.states or states), exact=True)


def _tabs(query: PostQuery, given: dict[str, Any], counts: Counts | None) -> list[Tab]:
    numbers = counts.states if counts else {}
    shown = [state for state in IN_ORDER if counts is None or numbers.get(state) or state in query.states]
    tabs = [Tab(None, None, address("/posts", **given | {"state": ()}), not query.states)]
    return tabs + [
        Tab(state, numbers.get(state), address("/posts", **given | {"state": state}), list(query.states) == [state])
        for state in shown
    ]


def _chips(given: dict[str, Any]) -> list[Chip]:
    """One for each filter but a single state, which is a tab."""
    chips = []
    for name, value in given.items():
        values = [value] if isinstance(value, str) else value
        for one in values if name != "state" or len(values) > 1 else ():
            if one:
                rest = "" if isinstance(value, str) else [other for other in values if other != one]
                chips.append(Chip(name, one, address("/posts", **given | {name: rest})))
    return chips
