"""Figures about posts: where they stand, how they end, how long they take, and what webhooks did not tell."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from tracker.api.handlers import READING, Db, Now, ProviderName, text
from tracker.api.problems import BadParameter
from tracker.parameters import parse_optional_time
from tracker.queries import stats as queried
from tracker.queries.causes import GROUPS, CausesOut, list_causes
from tracker.queries.post_counts import count_by_state
from tracker.queries.post_filters import PostQuery
from tracker.queries.stats import MOST_ACCOUNTS, AccountOut, LatencyOut, PlatformOut
from tracker.store.posts import overdue_posts

LATELY = timedelta(days=30)

Since = Annotated[str | None, text("Posts whose last event is not before this time; without it, 30 days ago.")]
Until = Annotated[str | None, text("Posts whose last event is before this time; without it, now.")]


class StatsOut(Struct, frozen=True):
    """Where posts stand, and how they do."""

    posts: Annotated[int, Meta(description="All of them, whenever they were heard of last.")]
    states: Annotated[dict[str, int], Meta(description="How many of all posts are in each state.")]
    since: Annotated[datetime, Meta(description="All that follows is about posts heard of last from here on,")]
    until: Annotated[datetime, Meta(description="and before this time.")]
    platforms: list[PlatformOut]
    accounts: Annotated[
        list[AccountOut], Meta(description=f"The {MOST_ACCOUNTS} that have the most targets, the largest first.")
    ]
    published: Annotated[int, Meta(description="Posts that are published.")]
    failed: Annotated[int, Meta(description="Posts that are failed or partial.")]
    failure_rate: Annotated[float | None, Meta(description="failed / (failed + published); null: there are none.")]
    latency: LatencyOut
    missed_by_webhook: Annotated[int, Meta(description="Posts of which we learned a state only by asking.")]
    missed_by_provider: Annotated[dict[str, int], Meta(description="The same for each provider that has any.")]


@get("/stats", responses=READING, summary="How many posts are where, and how they do")
async def stats(database: Db, now: Now, since: Since = None, until: Until = None) -> StatsOut:
    """Counted now."""
    end = parse_optional_time("until", until, now) or now
    begin = parse_optional_time("since", since, now) or end - LATELY
    if begin >= end:
        raise BadParameter("since", "must be before `until`")
    async with database.snapshot() as conn:
        states = await count_by_state(conn)
        platforms = await queried.platforms(conn, begin, end)
        accounts = await queried.accounts(conn, begin, end)
        ends = await queried.ends(conn, begin, end)
        latency = await queried.latency(conn, begin, end)
        missed = await overdue_posts.missed(conn, begin, end)
    failed, published = ends.failed, ends.published
    return StatsOut(
        sum(states.values()), states, begin, end,
        platforms, accounts,
        published, failed, failed / (failed + published) if failed + published else None,
        latency,
        sum(one.posts for one in missed.values()),
        {provider: one.posts for provider, one in sorted(missed.items())},
    )  # fmt: skip


Groups = Annotated[list[str] | None, QueryParameter(name="group", description="What tells causes apart.", enum=GROUPS)]


@get("/causes", responses=READING, summary="Why posts failed, in sum")
async def causes(
    database: Db,
    now: Now,
    since: Annotated[str | None, text("Failed posts heard of since then; without it, for a day.")] = None,
    until: Until = None,
    platform: Annotated[str | None, text("As in instagram, in any case.")] = None,
    account: Annotated[str | None, text("An account's id.")] = None,
    provider: ProviderName = None,
    error: Annotated[str | None, text("An error's code.")] = None,
    groups: Groups = None,
) -> CausesOut:
    """Of the posts that fell short last; without `group`, by error, platform and account."""
    query = PostQuery.parse(
        now, since=since, until=until, platform=platform, account=account, provider=provider, error=error
    )
    async with database.connection() as conn:
        return await list_causes(conn, query, now, groups or ())
