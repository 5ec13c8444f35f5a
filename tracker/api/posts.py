"""Posts: the list, one of them, and its history."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from tracker.api import parameters
from tracker.api.pending import Waiting
from tracker.api.problems import BadParameter
from tracker.api.refusals import ONE, READING
from tracker.api.schemas import EntryOut, NoteOut, OnePostOut, Page, PendingOut, PostOut, StatsOut, post_fields
from tracker.api.words import Clock, Cursor, Limit, PostId, ProviderName, RuleSource
from tracker.domain.event import State
from tracker.domain.post import Post
from tracker.domain.rule import Rule
from tracker.errors import NotFound
from tracker.past import Past
from tracker.store import history_reports, post_reports
from tracker.store.database import Connection, Database, Row
from tracker.store.paging import write_cursor
from tracker.store.post_reports import SORTS, After, Filters

STATES = tuple(str(state) for state in State)
SORT_WORDS = tuple(sign + sort for sort in SORTS for sign in ("-", ""))

States = Annotated[
    list[str] | None,
    QueryParameter(name="state", description=f"One or several, with commas or repeated: {', '.join(STATES)}."),
]
Sort = Annotated[
    str, QueryParameter(description=f"A time, with - in front for the newest first: {', '.join(SORT_WORDS)}.")
]
AsOf = Annotated[
    str | None, QueryParameter(description="A time: the post as the log stood then, with nothing pending.")
]
StuckFor = Annotated[
    str | None,
    QueryParameter(
        description='As in "15m": posts that have not moved for so long; without `state`, only those not yet at an end.'
        " A scheduled post counts from the time it is scheduled for."
    ),
]


def text(description: str) -> Any:
    """An optional text in the query."""
    return QueryParameter(description=description)


@get("/posts", responses=READING, summary="Posts, filtered and sorted")
async def list_posts(
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    platform: Annotated[str | None, text("As in instagram.")] = None,
    account: Annotated[str | None, text("An account of any of its targets.")] = None,
    provider: ProviderName = None,
    since: Annotated[str | None, text("Last event not before this time.")] = None,
    until: Annotated[str | None, text("Last event before this time.")] = None,
    stuck_for: StuckFor = None,
    q: Annotated[str | None, text("A part of the id, of an error or of an address.")] = None,
    sort: Sort = "-last_event_at",
) -> Page[PostOut]:
    """Answers a page; the cursor stays right while posts move and new ones arrive."""
    parameters.storable(platform=platform, account=account, provider=provider, q=q)
    filters = Filters(
        states=parameters.words("state", states, STATES),
        platform=platform,
        account=account,
        provider=provider,
        since=parameters.moment("since", since),
        until=parameters.moment("until", until),
        still_since=parameters.ago("stuck_for", stuck_for, clock()),
        q=q,
    )
    parameters.word("sort", sort, SORT_WORDS)
    after = parameters.cursor(cursor, sort, After)
    async with database.connection() as conn:
        posts, following = await post_reports.list_posts(conn, filters, sort, after, limit)
    items = [PostOut(**post_fields(post)) for post in posts]
    return Page(items, write_cursor(sort, following) if following else None)


@get("/posts/{id:str}", responses=ONE, summary="One post, and what will happen to it next")
async def one_post(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    rules: NamedDependency[RuleSource],
    past: NamedDependency[Past],
    id: PostId,
    provider: ProviderName = None,
    as_of: AsOf = None,
) -> Response[OnePostOut]:
    """Has an ETag: If-None-Match answers 304 while nothing has changed."""
    async with database.connection() as conn:
        post, row = await find_post(conn, id, provider)
        if moment := parameters.moment("as_of", as_of):
            answer = about(await past.post(conn, post.provider, post.id, row["first_day"], moment), ())
        else:
            answer = about(post, await post_reports.pending(conn, post.provider, post.id), rules.rules())
    tag = f'"{sha256(msgspec.json.encode(answer)).hexdigest()[:32]}"'
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(None, status_code=304, headers={"ETag": tag})  # type: ignore[arg-type]  # a 304 has no body
    return Response(answer, headers={"ETag": tag, "Cache-Control": "no-cache"})


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
    return Page(items, write_cursor("history", following) if following else None)


@get("/stats", responses=READING, summary="How many posts are in each state")
async def stats(database: NamedDependency[Database]) -> StatsOut:
    """Counted now."""
    async with database.connection() as conn:
        states = await post_reports.counts(conn)
    return StatsOut(sum(states.values()), states)


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


def _matches(header: str, tag: str) -> bool:
    given = {part.strip().removeprefix("W/") for part in header.split(",")}
    return tag in given or "*" in given
