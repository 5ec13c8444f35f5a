"""Posts: the list, one, its history, why rules did what they did, and what a person can have done about it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from tracker.api.handlers import (
    DECIDING,
    LISTING,
    ONE,
    By,
    Cursor,
    Db,
    Limit,
    Now,
    PostId,
    ProviderName,
    ProviderNames,
    Rules,
    Tagged,
    command,
    state_in,
    text,
)
from tracker.domain.plans import VERBS
from tracker.domain.posts.post import Post
from tracker.errors import BadParameter, NotFound, did_you_mean
from tracker.facts import commands
from tracker.parameters import parse_choice, parse_optional_time, refuse_zero_bytes
from tracker.queries.actions import OneActionOut, one_action
from tracker.queries.as_of import Past
from tracker.queries.history import EntryOut, list_history
from tracker.queries.paging import Page
from tracker.queries.pending import post_with_pending
from tracker.queries.post_filters import STATES, PostQuery, require_provider
from tracker.queries.post_views import OnePostOut, PostOut
from tracker.queries.posts import LOOK, NEWEST_FIRST, SORTS, find_post
from tracker.queries.posts import list_posts as posts_now
from tracker.queries.why import AnswerOut, answer_out, why
from tracker.store.database import Connection, Database

Ask = Callable[[Connection, Post, str, datetime], Awaitable[UUID]]


@command("/posts/{id:str}/retry", DECIDING, "Have the provider try it again", 202)
async def retry_post(by: By, database: Db, now: Now, id: PostId, provider: ProviderName = None) -> OneActionOut:
    """Only one that has failed, at least in part; otherwise 409. The provider is asked first how it stands.

    Answers the action that does it: the one that is open already, where there is one.
    """
    return await _asked(commands.retry_post, database, now, by, id, provider)


@command("/posts/{id:str}/reconcile", ONE, "Ask the provider how it stands", 202)
async def reconcile_post(by: By, database: Db, now: Now, id: PostId, provider: ProviderName = None) -> OneActionOut:
    """What it says becomes a fact of the log. Answers the action that does it: the open one, where there is one."""
    return await _asked(commands.reconcile_post, database, now, by, id, provider)


async def _asked(ask: Ask, database: Database, now: datetime, by: str, id: str, provider: str | None) -> OneActionOut:
    async with database.transaction() as conn:
        found = await find_post(conn, id, provider)
        action = await ask(conn, found.post, by, now)
        return await one_action(conn, action)


OneRule = Annotated[str | None, QueryParameter(name="rule", description="Only this rule.")]


@get("/posts/{id:str}/why", responses=ONE, summary="Why a rule fired for a post, and why another did not")
async def post_why(
    database: Db,
    now: Now,
    rules: Rules,
    past: NamedDependency[Past],
    id: PostId,
    provider: ProviderName = None,
    only: OneRule = None,
) -> Page[AnswerOut]:
    """What fired comes first, then what came closest: the first clause that was false, with the values it met."""
    refuse_zero_bytes(rule=only)
    async with database.connection() as conn:
        post = (await find_post(conn, id, provider)).post
        found = await why(conn, await past.changes(conn, post), post, rules.rules(), now, only)
    if only and not found:
        known = [rule.id for rule in rules.rules()]
        raise NotFound(f'there is no rule "{only}"{did_you_mean(only, known)}')
    return Page([answer_out(answer) for answer in found], None)


States = Annotated[list[str] | None, state_in(STATES, "One or several, with commas or repeated")]
Sort = Annotated[
    str | None,
    QueryParameter(
        description=f"A time, with - in front for the newest first: {', '.join(SORTS)};"
        f" without it, {NEWEST_FIRST}. Posts that lack the time come last; where few of them fit, a page may hold fewer"
        " than `limit`, even none, and `next` still goes on. Not together with `as_of`.",
        enum=SORTS,
    ),
]
AsOf = Annotated[str | None, text("A time: the post as the log stood then, with nothing pending.")]
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


SOUGHT = (
    "The id, or a part of it, of an error, an address, the beginning of the text, an account, an attribute or a label;"
    f" one page looks through {LOOK} posts."
)
Attributes = Annotated[
    list[str] | None,
    QueryParameter(name="attribute", description="Name and value, as in campaign:spring; of several, all must hold."),
]

Labels = Annotated[
    list[str] | None,
    QueryParameter(name="label", description="One that a rule has put on it, as in owner:Ada; all must hold."),
]


@get("/posts", responses=LISTING, response_class=Tagged, summary="Posts, filtered and sorted")
async def list_posts(
    database: Db,
    now: Now,
    past: NamedDependency[Past],
    provider_names: ProviderNames,
    limit: Limit = 50,
    cursor: Cursor = None,
    states: States = None,
    platform: Annotated[str | None, text("As in instagram, in any case.")] = None,
    account: Annotated[str | None, text("An account of any of its targets.")] = None,
    provider: ProviderName = None,
    error: Annotated[str | None, text("The code of what is wrong with a part of it, as in auth_expired.")] = None,
    since: Annotated[str | None, text("Last event not before this time.")] = None,
    until: Annotated[str | None, text("Last event before this time.")] = None,
    scheduled_from: Annotated[str | None, text("Planned for this time or later.")] = None,
    scheduled_to: Annotated[str | None, text("Planned for a time before this one.")] = None,
    stuck_for: StuckFor = None,
    q: Annotated[str | None, text(SOUGHT)] = None,
    attributes: Attributes = None,
    labels: Labels = None,
    sort: Sort = None,
    as_of: AllAsOf = None,
) -> Page[PostOut]:
    """Answers a page; the cursor stays right while posts move and new ones arrive. Has an ETag."""
    then = parse_optional_time("as_of", as_of, now)
    query = PostQuery.parse(
        then or now, state=states, platform=platform, account=account, provider=provider, error=error, since=since,
        until=until, scheduled_from=scheduled_from, scheduled_to=scheduled_to, stuck_for=stuck_for, q=q,
        attribute=attributes, label=labels,
    )  # fmt: skip
    async with database.connection() as conn:
        await require_provider(conn, query.provider, provider_names)
        if then:
            return await past.list_posts(conn, query, then, sort, cursor, limit)
        return await posts_now(conn, query, sort or NEWEST_FIRST, cursor, limit)


@get("/posts/{id:str}", responses=DECIDING, response_class=Tagged, summary="One post, and what will happen to it next")
async def one_post(
    database: Db,
    now: Now,
    rules: Rules,
    past: NamedDependency[Past],
    id: PostId,
    provider: ProviderName = None,
    as_of: AsOf = None,
) -> OnePostOut:
    """Has an ETag: If-None-Match answers 304 while nothing has changed."""
    then = parse_optional_time("as_of", as_of, now)
    async with database.connection() as conn:
        found = await find_post(conn, id, provider)
        return await (past.one_post(conn, found, then) if then else post_with_pending(conn, found.post, rules.rules()))


async def _one_of_that_id(
    request: Request[Any, Any, Any],
    database: Db,
    now: Now,
    rules: Rules,
    past: NamedDependency[Past],
    provider: ProviderName = None,
    as_of: AsOf = None,
) -> OnePostOut:
    """For what takes orders about many takes the address of a post that is called so."""
    post = request.url.path.rpartition("/")[2]
    shown: OnePostOut = await one_post.fn(database, now, rules, past, post, provider, as_of)
    return shown


CALLED_LIKE_ORDERS = [
    get(f"/posts/{verb}", response_class=Tagged, include_in_schema=False, name=verb)(_one_of_that_id)
    for verb in VERBS["posts"]
]


HISTORY_SORTS = ("at", "-at")
HistorySort = Annotated[str, QueryParameter(description="at, or -at for the newest first.", enum=HISTORY_SORTS)]
HistoryAsOf = Annotated[str | None, text("Back from this time; with `sort=-at` alone.")]


@get("/posts/{id:str}/history", responses=ONE, summary="Everything that is known to have happened to a post")
async def post_history(
    database: Db,
    now: Now,
    past: NamedDependency[Past],
    id: PostId,
    provider: ProviderName = None,
    limit: Limit = 200,
    cursor: Cursor = None,
    sort: HistorySort = "at",
    as_of: HistoryAsOf = None,
) -> Page[EntryOut]:
    """One timeline in the order in which we came to know things, and did them.

    Facts, changes, firings, runs and their moves, actions (also those that were hidden, or only recorded) and the
    attempts at them, and the silences that hid an alert about the post.
    """
    newest_first = parse_choice("sort", sort, HISTORY_SORTS) == "-at"
    then = parse_optional_time("as_of", as_of, now)
    if then and not newest_first:
        raise BadParameter("as_of", "goes with sort=-at alone: back from that time")
    async with database.connection() as conn:
        found = await find_post(conn, id, provider)
        known = await past.changes(conn, found.post)
        post = found.post
        return await list_history(
            conn, known, post.provider, post.id, found.first_day, cursor, limit, newest_first=newest_first, upto=then
        )
