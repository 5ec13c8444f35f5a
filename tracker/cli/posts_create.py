"""`tracker posts create`: publish something, and see what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from tracker.cli import FOUND_PROBLEMS
from tracker.cli.context import Config, Json, as_options, duration, now, on_database, open_settings
from tracker.cli.output import say, show_json
from tracker.cli.posts import posts
from tracker.cli.posts_watch import follow_news, show_news
from tracker.cli.provider_calls import Provider, Unheard, ask_provider, chosen_provider
from tracker.domain.posts.event import State
from tracker.domain.posts.target import ENDED
from tracker.errors import TrackerError
from tracker.parameters import parse_attributes, parse_future_time
from tracker.providers.mapping.paths import parse_path, put, stamp
from tracker.providers.registry import KINDS

if TYPE_CHECKING:
    from tracker.queries.events import News
    from tracker.settings import Settings
    from tracker.store.database import Database


@dataclass(frozen=True, slots=True)
class NewPost:
    """What is to be published, where, and when: `at` None is now."""

    platforms: tuple[str, ...]
    text: str
    accounts: tuple[str, ...] = ()
    at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


def paired(
    platforms: Sequence[str], accounts: Sequence[str], known: Mapping[str, str]
) -> tuple[tuple[str, str | None], ...]:
    """Each platform with each account on it, or with None where it is not known which that is.

    An account is on the platform that is `known` of it; of the others, on the one platform that there is, or, where
    there are as many platforms left as accounts, on that in its place.
    """
    found = [(known[account], account) for account in accounts if known.get(account) in platforms]
    others = [account for account in accounts if known.get(account) not in platforms]
    taken = {platform for platform, _ in found}
    left = [platform for platform in platforms if platform not in taken]
    if len(platforms) == 1:
        found += [(platforms[0], account) for account in others]
    elif len(left) == len(others):
        found += zip(left, others, strict=True)
    named = {platform for platform, _ in found}
    return (*found, *((platform, None) for platform in platforms if platform not in named))


def described(settings: Settings, provider: str, post: NewPost) -> dict[str, Any]:
    """The body of the call that creates the post; raises Misconfigured where it is not known how that is written."""
    section = settings.providers[provider]
    places = KINDS[section.kind].post
    if not places:
        raise settings.fault(f"providers.{provider}.kind", f'it is not known how "{section.kind}" takes new posts')
    values = {
        "platforms": list(post.platforms),
        "text": post.text,
        "accounts": list(post.accounts) or None,
        "scheduled_at": stamp(post.at) if post.at else None,
    }
    body: dict[str, Any] = {}
    for name, place in places.items():
        put(body, parse_path(section.post.get(name, place.path)), values[name])
    return body


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
    settings = open_settings(config)
    name, patience, key = chosen_provider(settings, provider), duration("--within", within), key or str(uuid4())
    with as_options():
        post = NewPost(
            tuple(one.lower() for one in platform),
            text,
            tuple(account or ()),
            parse_future_time("at", at, now()) if at else None,
            dict(parse_attributes("attribute", attribute)),
        )

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
    from tracker.process import projector  # noqa: PLC0415  (takes half a second)
    from tracker.queries import health  # noqa: PLC0415  (as above)

    async with database.connection() as conn:
        (reader,) = await health.readers(conn, (projector.NAME,), settings.engine.silence)
    if reader.fault:
        say(f"nobody follows the log at the moment: does `tracker serve` run? ({reader.fault})", aside=True)


async def _follow(
    database: Database, provider: str, post: str, begin: datetime, patience: timedelta, *, aside: bool
) -> str | None:
    """Tell what happens to the post, to its end; the state in which it ended, or None when time was over."""

    def line(news: News) -> None:
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
                await follow_news(database, begin, line, lambda why: say(f"{why}; waiting", aside=True))
        except _Ended as end:
            return end.state
    return None
