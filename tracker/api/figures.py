"""Figures: accounts, platforms, providers, errors and attributes side by side, in a span and the span before it."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from tracker.api.handlers import READING, Db, Now, ProviderName, text
from tracker.parameters import parse_optional_time
from tracker.queries.figures import GROUPS, LONGEST, FiguresOut, FiguresQuery
from tracker.queries.figures import figures as counted

Span = Annotated[str, text(f"How far back: 24h, 7d, 30d, up to {LONGEST.days}d.")]
Told = Annotated[str, QueryParameter(description="What is told apart.", enum=GROUPS)]
Platform = Annotated[str | None, text("As in instagram, in any case: its targets alone.")]
Account = Annotated[str | None, text("An account's id: its targets alone.")]


@get("/figures", responses=READING, summary="How posts ended, side by side, in a span and the span before it")
async def figures(
    database: Db,
    now: Now,
    span: Span = "7d",
    group: Told = "account",
    provider: ProviderName = None,
    platform: Platform = None,
    account: Account = None,
    until: Annotated[str | None, text("The end of the span; now, if not named.")] = None,
) -> FiguresOut:
    """A post counts once in a span, as it last ended in it; by platform or account, each of its targets does.

    They are counted from what moved, and reach as far back as the log is kept.
    """
    query = FiguresQuery.parse(now, span=span, by=group, provider=provider, platform=platform, account=account)
    async with database.snapshot() as conn:
        return await counted(conn, query, parse_optional_time("until", until, now) or now)
