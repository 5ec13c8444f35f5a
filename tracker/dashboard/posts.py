"""Posts: the list with its filters, and the page of one post."""

from typing import Any
from urllib.parse import unquote

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.response import Redirect

from tracker.dashboard import timeline
from tracker.dashboard.asked import POST_FILTERS, Asked, address, post_query
from tracker.dashboard.naming import target_names
from tracker.dashboard.rendering import Visit, raw_path
from tracker.dashboard.visitor import Clock
from tracker.domain.posts.event import State
from tracker.errors import BadParameter, NotFound
from tracker.queries import accounts, actions, events, history
from tracker.queries.pending import list_pending
from tracker.queries.posts import NEWEST_FIRST, STATES, FoundPost, find_post, page_of_posts
from tracker.rulebook.source import RuleSource
from tracker.store.database import Connection, Database

ON_A_PAGE = 50
ENTRIES = 200
BODY_SHOWN = 8192
SPANS = ("1h", "24h", "7d", "30d")
STATES_OF_A_PATH = 8

AHEAD = {
    State.DRAFT: (State.SCHEDULED, State.PUBLISHING, State.PUBLISHED),
    State.AWAITING_APPROVAL: (State.SCHEDULED, State.PUBLISHING, State.PUBLISHED),
    State.SCHEDULED: (State.PUBLISHING, State.PUBLISHED),
    State.RETRYING: (State.PUBLISHING, State.PUBLISHED),
    State.PUBLISHING: (State.PUBLISHED,),
}
"""Where a post goes from here when all goes well."""


@get("/posts")
async def show_posts(
    visit: NamedDependency[Visit], database: NamedDependency[Database], clock: NamedDependency[Clock]
) -> Response[Any]:
    """The newest first; the filters are in the address, so that it can be kept and sent."""
    asked = Asked(visit.request.query_params)
    query = post_query(asked, clock())
    async with database.connection() as conn:
        posts, following = await page_of_posts(conn, query, NEWEST_FIRST, asked.cursor, ON_A_PAGE)
    given = {
        "state": query.states,
        **{name: asked.text(name) or "" for name in POST_FILTERS},
        "attribute": [f"{name}:{text}" for name, text in query.attributes],
    }
    more = address("/posts", **given, cursor=following) if following else None
    first = asked.cursor is None
    return visit.page("posts", posts=posts, given=given, states=STATES, spans=SPANS, more=more, first=first)


@get("/posts/{post:path}")
async def show_post(
    visit: NamedDependency[Visit], database: NamedDependency[Database], rules: NamedDependency[RuleSource]
) -> Response[Any]:
    """What became of one post, why, and what happens next."""
    asked = Asked(visit.request.query_params)
    post_id, provider = _post_id(visit), asked.text("provider")
    async with database.connection() as conn:
        try:
            found = await find_post(conn, post_id, provider)
        except BadParameter:  # several providers have one: the list shows them all
            return Redirect(address("/posts", q=post_id), status_code=303)
        return visit.page("post", post=found.post, **await _beside(conn, visit, found, rules, asked.cursor))


def _post_id(visit: Visit) -> str:
    post_id = unquote(raw_path(visit.request).partition("/posts/")[2])
    if "\x00" in post_id:
        raise NotFound("no id has a zero byte")
    return post_id


async def _beside(
    conn: Connection, visit: Visit, found: FoundPost, rules: RuleSource, cursor: str | None
) -> dict[str, Any]:
    """What the page says beside the post itself."""
    post, first_day = found.post, found.first_day
    entries = await history.list_history(conn, post.provider, post.id, first_day, cursor, ENTRIES, newest_first=True)
    groups = timeline.grouped(entries.items)
    attempts = await actions.attempts_of(conn, timeline.actions_in(groups))
    called = await accounts.names_of(
        conn, {(post.provider, one.account) for one in post.targets.values() if one.account}
    )
    positions = timeline.facts_in(groups) if visit.may_see_bodies else []
    return {
        "path": timeline.without_repeats(await history.path(conn, post.provider, post.id, STATES_OF_A_PATH)),
        "whole_path": STATES_OF_A_PATH,
        "ahead": AHEAD.get(post.state, ()),
        "pending": await list_pending(conn, post.provider, post.id, rules.rules()),
        "groups": groups,
        "names": target_names(post.targets, {account: name for (_, account), name in called.items()}),
        "attempts": {str(action): made for action, made in attempts.items()},
        "bodies": await events.beginnings_of_bodies(conn, positions, first_day, BODY_SHOWN),
        "cursor": entries.next,
        "first": cursor is None,
    }
