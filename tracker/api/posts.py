"""Posts: the list, one of them, and its history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from tracker.api import parameters
from tracker.api.pending import Waiting
from tracker.api.problems import BadParameter
from tracker.api.refusals import DECIDING, LISTING, ONE
from tracker.api.schemas import EntryOut, NoteOut, OnePostOut, Page, PendingOut, PostOut, post_fields
from tracker.api.tagged import Tagged
from tracker.api.words import Clock, Cursor, Limit, PostId, ProviderName
from tracker.domain.posts.event import State
from tracker.domain.posts.post import Post
from tracker.domain.rules.rule import Rule
from tracker.errors import NotFound
from tracker.process.as_of import After as AfterThen
from tracker.process.as_of import Past
from tracker.queries import history_reports, post_reports
from tracker.queries.paging import write_cursor
from tracker.queries.post_reports import LOOK, SORTS, After, Filters
from tracker.rulebook.source import RuleSource
from tracker.store.database import Connection, Database, Row

STATES = tuple(str(state) for state in State)
NEWEST_FIRST = "-last_event_at"
SORT_WORDS = tuple(sign + sort for sort in SORTS for sign in ("-", ""))

States = Annotated[
    list[str] | None,
    QueryParameter(name="state", description=f"One or several, with commas or repeated: {', '.join(STATES)}."),
]
Sort = Annotated[
    str | None,
    QueryParameter(
        description=f"A time, with - in front for the newest first: {', '.join(SORT_WORDS)};"
        " without it, -last_event_at. Not together with `as_of`."
    ),
]
AsOf = Annotated[
    str | None, QueryParameter(description="A time: the post as the log stood then, with nothing pending.")
]
AllAsOf = Annotated[
    str | None,
    QueryParameter(
        description="A time: the posts as the log stood then, in the order of provider and id. Where few of them fit,"
        " a page may hold fewer than `limit`, even none, and `next` still goes on."
    ),
]
StuckFor = Annotated[
    str | None,
    QueryParameter(
        description='As in "15m": posts that have not moved for so long; without `state`, only those not yet at an end.'
        " A scheduled post counts from the time it is scheduled for."
    ),
]


SOUGHT = f"The id, or a part of it, of an error or of an address; one page looks through {LOOK} posts."


def text(description: str) -> Any:
    """An optional text in the query."""
    return QueryParameter(description=description)


@get("/posts", responses=LISTING, response_class=Tagged, summary="Posts, filtered and sorted")
async def list_posts(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    past: NamedDependency[Past],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    platform: Annotated[str | None, text("As in instagram.")] = None,
    account: Annotated[str | None, text("An account of any of its targets.")] = None,
    provider: ProviderName = None,
    since: Annotated[str | None, text("Last event not before this time.")] = None,
    until: Annotated[str | None, text("Last event before this time.")] = None,
    stuck_for: StuckFor = None,
    q: Annotated[str | None, text(SOUGHT)] = None,
    sort: Sort = None,
    as_of: AllAsOf = None,
) -> Page[PostOut]:
    """Answers a page; the cursor stays right while posts move and new ones arrive. Has an ETag."""
    parameters.storable(platform=platform, account=account, provider=provider, q=q)
    then = parameters.moment("as_of", as_of)
    filters = Filters(
        states=parameters.words("state", states, STATES),
        platform=platform,
        account=account,
        provider=provider,
        since=parameters.moment("since", since),
        until=parameters.moment("until", until),
        still_since=parameters.ago("stuck_for", stuck_for, then or clock()),
        q=q,
    )
    async with database.connection() as conn:
        if then:
            return await _page_of_then(conn, past, filters, then, (sort, cursor, limit))
        return await _page(conn, filters, sort or NEWEST_FIRST, cursor, limit)


@get("/posts/{id:str}", responses=DECIDING, response_class=Tagged, summary="One post, and what will happen to it next")
async def one_post(
    database: NamedDependency[Database],
    rules: NamedDependency[RuleSource],
    past: NamedDependency[Past],
    id: PostId,
    provider: ProviderName = None,
    as_of: AsOf = None,
) -> OnePostOut:
    """Has an ETag: If-None-Match answers 304 while nothing has changed."""
    moment = parameters.moment("as_of", as_of)
    async with database.connection() as conn:
        post, row = await find_post(conn, id, provider)
        if moment:
            return about(await past.post(conn, post.provider, post.id, row["first_day"], moment), ())
        return about(post, await post_reports.pending(conn, post.provider, post.id), rules.rules())


@get("/posts/{id:str}/history", responses=ONE, summary="Everything that is known to have happened to a post")
async def post_history(
    database: NamedDependency[Database],
    id: PostId,
    provider: ProviderName = None,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> Page[EntryOut]:
    """One timeline in the order in which we came to know things, and did them.

    Facts, changes, firings, runs and their moves, actions (also those that were hidden, or only recorded) and the
    attempts at them, and the silences that hid an alert about the post.
    """
    after = parameters.cursor(cursor, "history", history_reports.After)
    async with database.connection() as conn:
        post, row = await find_post(conn, id, provider)
        rows, following = await history_reports.timeline(conn, post.provider, post.id, row["first_day"], after, limit)
    items = [EntryOut(row["at"], row["type"], row["entry"]) for row in rows]
    return Page(items, write_cursor("history", following))


def about(post: Post, pending: Sequence[Row], rules: Sequence[Rule] = ()) -> OnePostOut:
    """A post, with what will happen to it next."""
    by_id = {rule.id: rule for rule in rules}
    return OnePostOut(
        **post_fields(post),
        notes=[NoteOut(note.code, note.text) for note in post.notes],
        pending=[_pending(item, Waiting(by_id)) for item in pending],
    )


async def find_post(conn: Connection, post: str, provider: str | None) -> tuple[Post, Row]:
    """The one post of that id; when several providers have one, the caller must say which."""
    parameters.storable(id=post, provider=provider)
    found = await post_reports.find_posts(conn, post, provider)
    if not found:
        raise NotFound(f'there is no post "{post}"' + (f' of "{provider}"' if provider else ""))
    if len(found) > 1:
        names = ", ".join(sorted(post.provider for post, _ in found))
        raise BadParameter("provider", f'several providers have a post "{post}": say provider=, one of {names}')
    return found[0]


def _pending(row: Row, waiting: Waiting) -> PendingOut:
    names = ("what", "due_at", "rule", "verb", "target", "run", "action")
    is_action = row["what"] == "action"
    says = waiting.action(row) if is_action else waiting.timer(row["what"], row["rule"], row["meaning"])
    return PendingOut(says=says, **{name: row[name] for name in names})


async def _page(conn: Connection, filters: Filters, sort: str, cursor: str | None, limit: int) -> Page[PostOut]:
    parameters.word("sort", sort, SORT_WORDS)
    after = parameters.cursor(cursor, sort, After)
    posts, following = await post_reports.list_posts(conn, filters, sort, after, limit)
    return Page([PostOut(**post_fields(post)) for post in posts], write_cursor(sort, following))


async def _page_of_then(
    conn: Connection, past: Past, filters: Filters, then: datetime, asked: tuple[str | None, str | None, int]
) -> Page[PostOut]:
    sort, cursor, limit = asked
    if sort is not None:
        raise BadParameter("sort", "leave it out: with `as_of`, posts come in the order of provider and id")
    order = f"as_of {then.isoformat()}"
    posts, following = await past.posts(conn, filters, then, parameters.cursor(cursor, order, AfterThen), limit)
    return Page([PostOut(**post_fields(post)) for post in posts], write_cursor(order, following))
