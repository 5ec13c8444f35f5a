"""`tracker posts`: what became of posts, and what becomes of them now."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Csv, Cursor, Json, Limit, Provider, now, on_database, past_of
from tracker.cli.news import follow_news, show_news
from tracker.cli.output import explained, listed, say, show_json, show_page, show_pairs, show_table
from tracker.cli.remote import Url, at, over
from tracker.parameters import TIMES, parse_optional_time

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.queries.events import NewsOut
    from tracker.queries.history import EntryOut
    from tracker.queries.paging import Page
    from tracker.queries.post_views import OnePostOut, PostOut
    from tracker.settings import Settings
    from tracker.store.database import Database


def entry_text(kind: str, entry: dict[str, Any]) -> str:
    """What an entry of that type says."""
    return _TOLD[kind](entry)


def _fact(entry: dict[str, Any]) -> str:
    marks = [mark for mark in ("late", "conflict") if entry[mark]]
    if repeats := len(entry["repeats"]):
        marks.append(f"repeated {repeats}x")
    if entry["parked"]:
        marks.append(f"parked: {entry['parked']}")
    marks += [f"plan {entry['plan']}"] if entry["plan"] else []
    return " ".join([f"{entry['event']} from {entry['source']}", *(f"({mark})" for mark in marks)])


def _change(entry: dict[str, Any]) -> str:
    moves = [f"{move.get('target') or 'post'}: {_way(move)}" for move in entry["moves"] if not move.get("superseded")]
    return "; ".join([*moves, *(note["text"] for note in entry["notes"])])


def _way(move: dict[str, Any]) -> str:
    if move.get("again"):
        return f"{move.get('after')} once more"
    return f"{move.get('before') or 'new'} → {move.get('after')}"


def _firing(entry: dict[str, Any]) -> str:
    return f"{entry['rule']} {entry['outcome']}" + (f": {entry['detail']}" if entry["detail"] else "")


def _run(entry: dict[str, Any]) -> str:
    return f"{entry['rule']} is {entry['state']}"


def _action(entry: dict[str, Any]) -> str:
    why = f" ({entry['reason']})" if entry["reason"] else ""
    return f"{entry['verb']} {entry['target']} is {entry['state']}{why}"


def _attempt(entry: dict[str, Any]) -> str:
    if not entry["outcome"]:
        return f"{entry['verb']} {entry['target']}, attempt {entry['attempt']}, is under way"
    took = f", {entry['latency_ms']} ms" if entry["latency_ms"] is not None else ""
    return (
        f"{entry['verb']} {entry['target']}, attempt {entry['attempt']}: {entry['outcome']} ({entry['reason']}{took})"
    )


def _move(entry: dict[str, Any]) -> str:
    return f"{entry['rule']}: {entry['said']}" + (f" for {entry['target']}" if entry["target"] else "")


def _silence(entry: dict[str, Any]) -> str:
    return f"silence by {entry['by']} until {entry['until']}: {entry['reason']}"


_TOLD = {
    "fact": _fact, "change": _change, "firing": _firing, "run": _run, "move": _move, "action": _action,
    "attempt": _attempt, "silence": _silence,
}  # fmt: skip


HEADINGS = ("id", "provider", "state", "attempt", "platforms", "last event", "error", "attributes", "text")
SHOWN = 40
"""Characters of a post's text in a list."""

posts = noun("posts", "The posts.")


@posts.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="One, or several with commas or repeated.")] = None,
    platform: Annotated[str | None, typer.Option(help="As in instagram.")] = None,
    account: Annotated[str | None, typer.Option(help="An account of any of its targets.")] = None,
    provider: Provider = None,
    error: Annotated[str | None, typer.Option(help="The code of what is wrong with it, as in auth_expired.")] = None,
    since: Annotated[str | None, typer.Option(help=f"Last event not before {TIMES}.")] = None,
    until: Annotated[str | None, typer.Option(help="Last event before this time, written likewise.")] = None,
    scheduled_from: Annotated[str | None, typer.Option(help="Planned for this time or later.")] = None,
    scheduled_to: Annotated[str | None, typer.Option(help="Planned for a time before this one.")] = None,
    stuck_for: Annotated[str | None, typer.Option(help="As in 15m: has not moved for so long.")] = None,
    q: Annotated[
        str | None, typer.Option("--q", "-q", help="A part of the id, an error, an address, the text, an attribute …")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="Name and value, as in campaign=spring; of several, all must hold.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help="One that a rule put on it, as in owner=Ada.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="A time, as in published_at, with - for the newest first.", show_default="-last_event_at"),
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="As they were known then, in the order of their ids.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Posts, filtered and sorted as the API does."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes a third of a second)
    from tracker.queries.post_filters import PostQuery, require_provider  # noqa: PLC0415  (as above)
    from tracker.queries.post_views import PostOut  # noqa: PLC0415  (as above)
    from tracker.queries.posts import NEWEST_FIRST, list_posts  # noqa: PLC0415  (as above)

    filters: dict[str, Any] = {
        "state": state, "platform": platform, "account": account, "provider": provider, "error": error, "since": since,
        "until": until, "scheduled_from": scheduled_from, "scheduled_to": scheduled_to, "stuck_for": stuck_for, "q": q,
        "attribute": attribute, "label": label,
    }  # fmt: skip

    async def work(settings: Settings, database: Database) -> Page[PostOut]:
        then = parse_optional_time("as_of", as_of, now())
        query = PostQuery.parse(then or now(), **filters)
        async with database.connection() as conn:
            await require_provider(conn, query.provider, settings.providers)
            if then:
                return await past_of(settings).list_posts(conn, query, then, sort, cursor, limit)
            return await list_posts(conn, query, sort or NEWEST_FIRST, cursor, limit)

    if url:
        asked = filters | {"as_of": as_of, "sort": sort, "limit": limit, "cursor": cursor}
        page = over(url, lambda api: api.get("/posts", Page[PostOut], **asked))
    else:
        page = on_database(config, work)
    less = ("attributes", "attempt", "provider")
    show_page(page, HEADINGS, _row, json=json, csv=csv, below=("error",), less=less)


@posts.command()
def show(
    post: Annotated[str, typer.Argument(metavar="ID", help="The post's id at its provider.")],
    as_of: Annotated[str | None, typer.Option(help="As it was known then: 2026-11-30T09:00:00Z.")] = None,
    provider: Provider = None,
    entries: Annotated[int, typer.Option("--history", min=0, max=500, help="How many of the newest entries.")] = 50,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """One post: its state, its targets, what will happen to it next, and its history."""
    shown, history = (
        over(url, lambda api: _of_service(api, post, provider, as_of, entries))
        if url
        else _of_database(config, post, provider, as_of, entries)
    )
    if json:
        from msgspec.structs import asdict  # noqa: PLC0415  (it is loaded by now)

        show_json(asdict(shown) | {"history": history})
    else:
        _tell(shown, history)


async def _of_service(
    api: Api, post: str, provider: str | None, as_of: str | None, entries: int
) -> tuple[OnePostOut, list[EntryOut]]:
    from tracker.queries.history import EntryOut  # noqa: PLC0415  (takes a third of a second)
    from tracker.queries.paging import Page  # noqa: PLC0415  (as above)
    from tracker.queries.post_views import OnePostOut  # noqa: PLC0415  (as above)

    asked = {"provider": provider, "as_of": as_of}
    shown = await api.get(at("posts", post), OnePostOut, **asked)
    if not entries:
        return shown, []
    newest = {"sort": "-at", "limit": entries}
    return shown, (await api.get(at("posts", post, "history"), Page[EntryOut], **asked, **newest)).items[::-1]


def _of_database(
    config: Path | None, post: str, provider: str | None, as_of: str | None, entries: int
) -> tuple[OnePostOut, list[EntryOut]]:
    from tracker.providers.rule_files import read_rules  # noqa: PLC0415  (takes a third of a second)
    from tracker.queries.history import list_history  # noqa: PLC0415  (as above)
    from tracker.queries.pending import post_with_pending  # noqa: PLC0415  (as above)
    from tracker.queries.posts import find_post  # noqa: PLC0415  (as above)

    async def work(settings: Settings, database: Database) -> tuple[OnePostOut, list[EntryOut]]:
        then = parse_optional_time("as_of", as_of, now())
        async with database.connection() as conn:
            found, past = await find_post(conn, post, provider), past_of(settings)
            if then:
                shown = await past.one_post(conn, found, then)
            else:
                shown = await post_with_pending(conn, found.post, read_rules(settings).rules)
            known = await past.changes(conn, found.post)
            newest = await list_history(
                conn, known, shown.provider, shown.id, found.first_day, limit=entries, newest_first=True, upto=then
            )
        return shown, newest.items[::-1]

    return on_database(config, work)


@posts.command()
def watch(
    state: Annotated[list[str] | None, typer.Option(help="Show posts in this state alone; repeat it.")] = None,
    platform: Annotated[str | None, typer.Option(help="Show posts for this platform alone.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="A line for all that happens, instead of a table.")] = False,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """The latest posts, how all of them stand, and what happens, as it happens. Ctrl-C ends it.

    Without a terminal, and with --lines or --json, it is one line for each new state, firing and attempt.
    """
    from tracker.cli.posts_watch import OfDatabase, OfService, Source, watch_posts  # noqa: PLC0415  (takes half a second)
    from tracker.queries.post_filters import PostQuery  # noqa: PLC0415  (as above)

    filters: dict[str, Any] = {"state": state, "platform": platform}
    as_table = sys.stdout.isatty() and not (lines or json)
    if PostQuery.parse(now(), **filters) != PostQuery() and not as_table:
        raise typer.BadParameter("only the table can be filtered", param_hint="--state, --platform")

    def line(news: NewsOut) -> None:
        if json:
            show_json(
                {name: getattr(news, name) for name in ("at", "what", "provider", "post", "said")}, on_one_line=True
            )
        else:
            show_news(news)

    async def follow(source: Source) -> None:
        if as_table:
            from rich.console import Console  # noqa: PLC0415  (it is loaded by now)

            await watch_posts(source, Console())
        begin = now()
        say("watching; Ctrl-C ends it", aside=True)
        await follow_news(source.news, begin, line, lambda why: say(f"{why}; waiting", aside=True))

    try:
        if url:
            over(url, lambda api: follow(OfService(api, filters)))
        else:
            on_database(config, lambda _, database: follow(OfDatabase(database, filters)))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _row(post: PostOut) -> tuple[object, ...]:
    platforms = sorted({target.platform for target in post.targets})
    text = post.excerpt
    if text and len(text) > SHOWN:
        text = f"{text[: SHOWN - 1].rstrip()}…"
    return (
        post.id, post.provider, post.state, post.attempt, platforms, post.last_event_at, explained(post.error),
        listed(post.attributes), text,
    )  # fmt: skip


def _tell(post: OnePostOut, history: list[EntryOut]) -> None:
    names = ("id", "provider", "state", "attempt", "scheduled_at", "published_at", "failed_at", "last_event_at", "urls")
    show_pairs([(name.replace("_", " "), getattr(post, name)) for name in names])
    show_pairs([("text", post.excerpt), ("image", post.thumbnail), ("attributes", listed(post.attributes))])
    notes = [("note", note.text) for note in post.notes]
    show_pairs([("labels", listed(post.labels)), ("error", explained(post.error)), *notes])
    if post.targets:
        say("\ntargets")
        rows = ((t.key, t.state, t.attempt, t.entered_at, t.url, explained(t.error)) for t in post.targets)
        show_table(("target", "state", "attempt", "since", "url", "error"), rows)
    if post.pending:
        say("\nwhat comes next")
        show_table(("at", "what comes"), ((pending.due_at, pending.says) for pending in post.pending))
    if history:
        say("\nhistory")
        told = ((entry.at, entry.type, entry_text(entry.type, entry.data)) for entry in history)
        show_table(("at", "what", ""), told)
