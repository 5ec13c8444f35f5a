"""`tracker posts create`: publish something, and see what becomes of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from tracker.cli import FOUND_PROBLEMS
from tracker.cli.context import Config, Json, now, on_database, open_settings
from tracker.cli.news import follow_news, of_database, show_news
from tracker.cli.output import say, show_json
from tracker.cli.posts import posts
from tracker.cli.provider_calls import Provider, Unheard, ask_provider, chosen_provider
from tracker.errors import TrackerError
from tracker.parameters import parse_attributes, parse_future_time, parse_span

if TYPE_CHECKING:
    from tracker.providers.new_post import NewPost
    from tracker.queries.events import NewsOut
    from tracker.settings import Settings
    from tracker.store.database import Database


DOUBT = "whether it was created is not known: look before you create it again, or repeat this call with --key {}"
DIFFERENCE = timedelta(minutes=1)
"""By which the clock of the service may differ from ours."""


class _Ended(Exception):
    """The post has come to an end."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


@posts.command()
def create(
    platform: Annotated[list[str], typer.Option(help="Where to, as in instagram; repeat it.")],
    text: Annotated[str, typer.Option(help="What it says.")] = "",
    account: Annotated[
        list[str] | None, typer.Option(help="The accounts that publish it, as in acc_…, in the order of the platforms.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="What it is to be found by here, as in campaign=spring; repeat it.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="When: 2026-11-30T09:00:00Z; now, if not named.")] = None,
    key: Annotated[str | None, typer.Option(help="The idempotency key: the same again is the same post.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Tell what becomes of it.")] = True,
    within: Annotated[str, typer.Option(help="How long to follow it, from its time on.")] = "10m",
    provider: Provider = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Have the provider publish a post, and follow it until it is published; exit code 1 when it is not."""
    from tracker.domain.posts.event import State  # noqa: PLC0415  (takes half a second)
    from tracker.providers.new_post import NewPost  # noqa: PLC0415  (as above)

    settings = open_settings(config)
    name, patience = chosen_provider(settings, provider), parse_span("within", within, now())
    key = key or str(uuid4())
    moment = parse_future_time("at", at, now()) if at else None
    platforms = tuple(word.lower() for word in platform)
    post = NewPost(platforms, text, tuple(account or ()), moment, dict(parse_attributes("attribute", attribute)))

    async def work(settings: Settings, database: Database) -> tuple[str, str | None]:
        began = now()
        made = await _create(settings, database, name, post, key)
        say(f"created {made} at {name}", aside=json)
        if not follow:
            return made, None
        await _say_if_nobody_reads(settings, database)
        deadline = max(post.at or began, began) - began + patience
        return made, await _follow(database, name, made, began - DIFFERENCE, deadline, aside=json)

    made, state = on_database(config, work, makes=True)
    if json:
        show_json({"id": made, "provider": name, "state": state, "idempotency_key": key})
    if follow and state is None:
        say(f"{made} has not come to an end within {within}; `tracker posts show {made}` tells more later", aside=True)
    if follow and state != State.PUBLISHED:
        raise typer.Exit(FOUND_PROBLEMS)


async def _create(settings: Settings, database: Database, provider: str, post: NewPost, key: str) -> str:
    """Create it, and note it in the log; the id of the post."""
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.providers.new_post import described, paired  # noqa: PLC0415  (as above)
    from tracker.queries import accounts  # noqa: PLC0415  (as above)

    body, began = described(settings, provider, post), now()
    try:
        made = await ask_provider(settings, database, provider, "create", lambda api: api.create_post(body, key))
    except Unheard as error:
        error.add_note(DOUBT.format(key))
        raise
    try:
        async with database.transaction() as conn:
            known = await accounts.platforms_of(conn, provider, post.accounts) if post.accounts else {}
            targets = paired(post.platforms, post.accounts, known)
            wished = commands.Wished(targets, post.text, post.at, post.attributes)
            await commands.note_created(conn, provider, made, wished, key, began, now())
    except TrackerError as error:
        error.add_note(f"{made} was created at {provider}, but could not be noted in the log")
        raise
    return made


async def _say_if_nobody_reads(settings: Settings, database: Database) -> None:
    from tracker.process import processor  # noqa: PLC0415  (takes half a second)
    from tracker.queries import health  # noqa: PLC0415  (as above)

    async with database.connection() as conn:
        (reader,) = await health.readers(conn, (processor.NAME,), settings.engine.silence)
    if reader.fault:
        say(f"nobody follows the log at the moment: does `tracker serve` run? ({reader.fault})", aside=True)


async def _follow(
    database: Database, provider: str, post: str, begin: datetime, patience: timedelta, *, aside: bool
) -> str | None:
    """Tell what happens to the post, to its end; the state in which it ended, or None when time was over."""
    from tracker.domain.posts.target import ENDED  # noqa: PLC0415  (as above)

    def line(news: NewsOut) -> None:
        if (news.provider, news.post) != (provider, post):
            return
        if not aside:
            show_news(news)
        state = news.said.rpartition(" → ")[2]
        if news.what == "state" and state in ENDED:
            raise _Ended(state)

    with suppress(TimeoutError):
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await follow_news(of_database(database), begin, line, lambda why: say(f"{why}; waiting", aside=True))
        except _Ended as end:
            return end.state
    return None
