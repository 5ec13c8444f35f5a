"""`tracker posts`: what became of posts, and what becomes of them now."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import noun
from tracker.cli.history import told
from tracker.cli.news import show_news, tell
from tracker.cli.opening import Config, Json, as_options, now, on_database
from tracker.cli.showing import explained, say, show_json, show_pairs, show_table
from tracker.domain.posts.event import State
from tracker.parameters import moment, words

if TYPE_CHECKING:
    from tracker.api.schemas import OnePostOut, Page, PostOut
    from tracker.queries.news import News
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database, Row

LAST_RANK = 99
"""After whatever else happened at the same moment."""

posts = noun("posts", "The posts.")

Provider = Annotated[str | None, typer.Option(help="The provider's name in the configuration.")]


@posts.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="One, or several with commas or repeated.")] = None,
    platform: Annotated[str | None, typer.Option(help="As in instagram.")] = None,
    account: Annotated[str | None, typer.Option(help="An account of any of its targets.")] = None,
    provider: Provider = None,
    since: Annotated[str | None, typer.Option(help="Last event not before this time: 2026-11-30T09:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Last event before this time.")] = None,
    stuck_for: Annotated[str | None, typer.Option(help="As in 15m: has not moved for so long.")] = None,
    q: Annotated[str | None, typer.Option("--q", "-q", help="A part of the id, of an error or of an address.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="A time, as in published_at, with - for the newest first.", show_default="-last_event_at"),
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="As they were known then, in the order of their ids.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on after this: the `next` of the page before.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Posts, filtered and sorted as the API does."""
    from tracker.api.posts import list_posts  # noqa: PLC0415  (takes a second)
    from tracker.process.as_of import Past  # noqa: PLC0415  (as above)
    from tracker.providers import build_providers, fact_readers  # noqa: PLC0415  (as above)

    async def work(settings: Settings, database: Database) -> Page[PostOut]:
        past = Past(fact_readers(build_providers(settings)) if as_of else {})
        page: Page[PostOut] = await list_posts.fn(
            database, now, past, limit, cursor, state, platform, account, provider, since, until, stuck_for, q, sort,
            as_of,
        )  # fmt: skip
        return page

    with as_options():
        page = on_database(config, work)
    if json:
        show_json(page)
        return
    show_table(("id", "provider", "state", "attempt", "platforms", "last event", "error"), map(_row, page.items))
    if page.next:
        say(f"there is more: --cursor {page.next}", aside=True)


@posts.command()
def show(
    post: Annotated[str, typer.Argument(metavar="ID", help="The post's id at its provider.")],
    as_of: Annotated[str | None, typer.Option(help="As it was known then: 2026-11-30T09:00:00Z.")] = None,
    provider: Provider = None,
    entries: Annotated[int, typer.Option("--history", min=0, max=500, help="How many of the newest entries.")] = 50,
    config: Config = None,
    json: Json = False,
) -> None:
    """One post: its state, its targets, what will happen to it next, and its history."""

    async def work(settings: Settings, database: Database) -> tuple[OnePostOut, list[Row]]:
        async with database.connection() as conn:
            return await _look(conn, settings, post, provider, moment("as_of", as_of), entries)

    with as_options():
        answer, history = on_database(config, work)
    if json:
        told_of = [{"at": entry["at"], "type": entry["type"], "data": entry["entry"]} for entry in history]
        show_json(_fields(answer) | {"history": told_of})
    else:
        _tell(answer, history)


async def _look(
    conn: Connection, settings: Settings, post: str, provider: str | None, moment: datetime | None, entries: int
) -> tuple[OnePostOut, list[Row]]:
    """The post, and the newest entries of its history, now or as both stood at the moment."""
    from tracker.api.posts import about, find_post  # noqa: PLC0415  (takes a second)
    from tracker.process.as_of import Past  # noqa: PLC0415  (as above)
    from tracker.providers import build_providers, fact_readers  # noqa: PLC0415  (as above)
    from tracker.queries import history_reports, post_reports  # noqa: PLC0415  (as above)

    found, row = await find_post(conn, post, provider)
    if moment:
        readers = fact_readers(build_providers(settings))
        answer = about(await Past(readers).post(conn, found.provider, found.id, row["first_day"], moment), [])
    else:
        answer = about(found, await post_reports.pending(conn, found.provider, found.id))
    until = history_reports.After(moment, LAST_RANK, "") if moment else None
    newest, _more = await history_reports.timeline(
        conn, found.provider, found.id, row["first_day"], until, entries, newest_first=True
    )
    return answer, newest[::-1]


@posts.command()
def watch(
    state: Annotated[list[str] | None, typer.Option(help="Show posts in this state alone; repeat it.")] = None,
    platform: Annotated[str | None, typer.Option(help="Show posts for this platform alone.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="A line for all that happens, instead of a table.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """The latest posts, how all of them stand, and what happens, as it happens. Ctrl-C ends it.

    Without a terminal, and with --lines or --json, it is one line for each new state, firing and attempt.
    """
    from tracker.queries.post_reports import Filters  # noqa: PLC0415  (as above)

    with as_options():
        filters = Filters(states=words("state", state, [str(one) for one in State]), platform=platform)
    as_table = sys.stdout.isatty() and not (lines or json)
    if not as_table and filters != Filters():
        raise typer.BadParameter("only the table can be filtered", param_hint="--state, --platform")

    def line(news: News) -> None:
        if json:
            show_json(
                {name: getattr(news, name) for name in ("at", "what", "provider", "post", "said")}, on_one_line=True
            )
        else:
            show_news(news)

    async def work(_: Settings, database: Database) -> None:
        if as_table:
            from rich.console import Console  # noqa: PLC0415  (only where it is needed)

            from tracker.cli.watching import watch_posts  # noqa: PLC0415  (takes half a second)

            await watch_posts(database, filters, now, Console())
        begin = now()
        say("watching; Ctrl-C ends it", aside=True)
        await tell(database, begin, line, lambda why: say(f"{why}; waiting", aside=True))

    try:
        on_database(config, work)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _row(post: PostOut) -> tuple[object, ...]:
    platforms = sorted({target.platform for target in post.targets})
    return (post.id, post.provider, post.state, post.attempt, platforms, post.last_event_at, explained(post.error))


def _fields(answer: OnePostOut) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in answer.__struct_fields__}


def _tell(post: OnePostOut, history: list[Row]) -> None:
    names = ("id", "provider", "state", "attempt", "scheduled_at", "published_at", "failed_at", "last_event_at", "urls")
    show_pairs([(name.replace("_", " "), getattr(post, name)) for name in names])
    show_pairs([("error", explained(post.error)), *(("note", note.text) for note in post.notes)])
    if post.targets:
        say("\ntargets")
        rows = ((t.key, t.state, t.attempt, t.entered_at, t.url, explained(t.error)) for t in post.targets)
        show_table(("target", "state", "attempt", "since", "url", "error"), rows)
    if post.pending:
        say("\nwhat comes next")
        waits = ((p.due_at, p.what, p.rule, p.verb, p.target) for p in post.pending)
        show_table(("at", "what", "rule", "verb", "target"), waits)
    if history:
        say("\nhistory")
        show_table(("at", "what", ""), ((e["at"], e["type"], told(e["type"], e["entry"])) for e in history))
