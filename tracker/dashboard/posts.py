"""Posts: the list with its filters, and the page of one post."""

from typing import Any
from urllib.parse import unquote

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.response import Redirect

from tracker.dashboard import timeline
from tracker.dashboard.asked import STATES, Asked, address, post_filters
from tracker.dashboard.naming import target_names
from tracker.dashboard.rendering import Visit, raw_path
from tracker.dashboard.visitor import Clock
from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.errors import NotFound
from tracker.queries import action_reports, event_reports, history_reports, post_reports
from tracker.queries.paging import write_cursor
from tracker.store.database import Connection, Database, Row

NEWEST_FIRST = "-last_event_at"
ON_A_PAGE = 50
ENTRIES = 200
BODY_SHOWN = 8192
SPANS = ("1h", "24h", "7d", "30d")
STATES_OF_A_PATH = 8
ASKED = ("platform", "q", "since", "provider", "account", "stuck_for")

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
    filters = post_filters(asked, clock())
    after = asked.cursor(NEWEST_FIRST, post_reports.After)
    async with database.connection() as conn:
        posts, following = await post_reports.list_posts(conn, filters, NEWEST_FIRST, after, ON_A_PAGE)
    given = {
        "state": asked.words("state", STATES),
        **{name: asked.text(name) or "" for name in ASKED},
    }
    more = address("/posts", **given, cursor=write_cursor(NEWEST_FIRST, following)) if following else None
    return visit.page(
        "posts", posts=posts, given=given, states=STATES, spans=SPANS, more=more, first=after is None
    )  # fmt: skip


@get("/posts/{post:path}")
async def show_post(visit: NamedDependency[Visit], database: NamedDependency[Database]) -> Response[Any]:
    """What became of one post, why, and what happens next."""
    asked = Asked(visit.request.query_params)
    post_id, provider = _post_id(visit), asked.text("provider")
    after = asked.cursor("history", history_reports.After)
    async with database.connection() as conn:
        found = await post_reports.find_posts(conn, post_id, provider)
        if not found:
            raise NotFound(post_id)
        if len(found) > 1:
            return Redirect(address("/posts", q=post_id), status_code=303)
        ((post, row),) = found
        return visit.page("post", post=post, **await _told(conn, visit, post, row, after))


def _post_id(visit: Visit) -> str:
    post_id = unquote(raw_path(visit.request).partition("/posts/")[2])
    if "\x00" in post_id:
        raise NotFound("no id has a zero byte")
    return post_id


async def _told(
    conn: Connection, visit: Visit, post: Post, row: Row, after: history_reports.After | None
) -> dict[str, Any]:
    """What the page says beside the post itself."""
    rows, following = await history_reports.timeline(
        conn, post.provider, post.id, row["first_day"], after, ENTRIES, newest_first=True
    )
    groups = timeline.grouped(rows)
    attempts = await action_reports.attempts_of(conn, timeline.actions_in(groups))
    positions = timeline.facts_in(groups) if visit.may_see_bodies else []
    return {
        "path": timeline.without_repeats(await history_reports.path(conn, post.provider, post.id, STATES_OF_A_PATH)),
        "whole_path": STATES_OF_A_PATH,
        "ahead": AHEAD.get(post.state, ()),
        "pending": await post_reports.pending(conn, post.provider, post.id),
        "groups": groups,
        "names": target_names(post.targets),
        "attempts": timeline.by_action(attempts),
        "bodies": await event_reports.bodies(conn, positions, row["first_day"], BODY_SHOWN),
        "cursor": write_cursor("history", following),
        "first": after is None,
    }
