"""`tracker actions`: what was done to the world, each attempt at it, and what a person has done about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Cursor, Json, Limit, Provider, now
from tracker.cli.orders import carry_out
from tracker.cli.output import in_words, say, show_json, show_page, show_pairs, show_table
from tracker.cli.plans import DryRun, Everything, Note, Pace, Yes, filtered_as, order_many, refuse_both
from tracker.cli.remote import Url, asked, at

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.queries.actions import ActionOut, OneActionOut
    from tracker.settings import Settings
    from tracker.store.database import Connection

actions = noun("actions", "What was done to the world: alerts, retries, what is sent.")

SHOWN = 200
"""Characters of an answer that are shown."""

HEADINGS = ("id", "state", "what", "reason", "rule", "post", "attempts", "asked for")

Id = Annotated[UUID, typer.Argument(metavar="ID", help="As `tracker actions list` shows it.")]
Ids = Annotated[
    list[UUID] | None, typer.Argument(metavar="ID...", help="As `tracker actions list` shows them, or filters.")
]


@actions.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="One, or several with commas or repeated.")] = None,
    verb: Annotated[str | None, typer.Option(help="alert, send, retry or reconcile.")] = None,
    target: Annotated[str | None, typer.Option(help="A channel, an endpoint or a provider.")] = None,
    rule: Annotated[str | None, typer.Option(help="The rule that asked for it.")] = None,
    post: Annotated[str | None, typer.Option(help="The post's id.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why its last attempt ended so, as in timeout.")] = None,
    since: Annotated[str | None, typer.Option(help="Asked for at this time or later: 24h, 2026-11-30T09:00:00Z.")] = (
        None
    ),
    until: Annotated[str | None, typer.Option(help="Asked for before this time.")] = None,
    provider: Provider = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Actions, the newest first."""
    from tracker.queries.actions import ActionOut, ActionQuery, list_actions  # noqa: PLC0415  (takes half a second)
    from tracker.queries.paging import Page  # noqa: PLC0415  (as above)

    filters: dict[str, Any] = {
        "state": state, "verb": verb, "target": target, "rule": rule, "provider": provider, "post": post,
        "reason": reason, "since": since, "until": until,
    }  # fmt: skip
    query = ActionQuery.parse(now(), **filters)
    page = asked(
        url, config, "/actions", Page[ActionOut], lambda conn: list_actions(conn, query, cursor, limit),
        **filters, limit=limit, cursor=cursor,
    )  # fmt: skip
    show_page(page, HEADINGS, _row, json=json, less=("attempts", "asked for", "rule", "post"), below=("reason",))


@actions.command()
def show(action: Id, url: Url = None, config: Config = None, json: Json = False) -> None:
    """One action: what it says, and what each attempt came to."""
    from tracker.queries.actions import OneActionOut, one_action  # noqa: PLC0415  (takes half a second)

    shown = asked(url, config, at("actions", action), OneActionOut, lambda conn: one_action(conn, action))
    if json:
        show_json(shown)
        return
    names = ("id", "verb", "target", "state", "hidden_by", "reason", "rule", "run", "provider", "post", "attempts",
             "due_at", "created_at", "finished_at", "redelivers")  # fmt: skip
    show_pairs([(name.replace("_", " "), getattr(shown, name)) for name in names])
    show_pairs(in_words("says", shown.payload))
    if shown.history:
        say("\nattempts")
        tried = ("attempt", "started_at", "outcome", "reason", "latency_ms")
        answers = [[*(getattr(one, name) for name in tried), _answer(one.response)] for one in shown.history]
        show_table(("attempt", "at", "outcome", "reason", "ms", "answer"), answers)


@actions.command()
@filtered_as(show_list)
def retry(
    items: Ids = None, dry_run: DryRun = False, yes: Yes = False, pace: Pace = None, note: Note = "",
    everything: Everything = False, url: Url = None, config: Config = None, json: Json = False, **filters: Any,
) -> None:  # fmt: skip
    """Attempt actions once more: those that are dead, unknown or discarded.

    Those of these ids at once, or all that fit the filters by a plan: without any, all that are dead.
    """
    if items:
        refuse_both(filters, dry_run=dry_run)
        _each("retry", items, url, config, json=json)
        return
    order_many("actions", "retry", filters, dry_run=dry_run, yes=yes, pace=pace, note=note, include_all=everything,
               url=url, config=config, json=json)  # fmt: skip


@actions.command()
@filtered_as(show_list)
def discard(
    items: Ids = None, dry_run: DryRun = False, yes: Yes = False, pace: Pace = None, note: Note = "",
    url: Url = None, config: Config = None, json: Json = False, **filters: Any,
) -> None:  # fmt: skip
    """Never attempt actions again: those that are pending, dead or unknown.

    Those of these ids at once, or all that fit the filters by a plan: without any, all that are dead.
    """
    if items:
        refuse_both(filters, dry_run=dry_run)
        _each("discard", items, url, config, json=json)
        return
    order_many("actions", "discard", filters, dry_run=dry_run, yes=yes, pace=pace, note=note, url=url, config=config,
               json=json)  # fmt: skip


@actions.command()
@filtered_as(show_list)
def redeliver(
    dry_run: DryRun = False, yes: Yes = False, pace: Pace = None, note: Note = "",
    url: Url = None, config: Config = None, json: Json = False, **filters: Any,
) -> None:  # fmt: skip
    """Do ended actions once more under new ids, by a plan: for a receiver that has lost what it had."""
    order_many("actions", "redeliver", filters, dry_run=dry_run, yes=yes, pace=pace, note=note, url=url,
               config=config, json=json)  # fmt: skip


def _each(order: str, items: list[UUID], url: str | None, config: Path | None, *, json: bool) -> None:
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.queries.actions import OneActionOut, one_action  # noqa: PLC0415  (as above)

    do = {"retry": commands.retry_action, "discard": commands.discard_action}[order]

    async def there(api: Api, action: UUID) -> OneActionOut:
        return await api.post(at("actions", action, order), OneActionOut)

    async def here(_: Settings, conn: Connection, action: UUID) -> OneActionOut:
        await do(conn, action, now())
        return await one_action(conn, action)

    carry_out(items, url, config, there=there, here=here, tell=in_a_line, json=json)


def in_a_line(action: ActionOut) -> str:
    """How the action stands."""
    return f"{action.verb} {action.target} is {action.state}" + (f" ({action.reason})" if action.reason else "")


def _row(action: ActionOut) -> tuple[object, ...]:
    reason = ": ".join(filter(None, (action.hidden_by, action.reason)))
    return (
        action.id, action.state, f"{action.verb} {action.target}", reason, action.rule, action.post, action.attempts,
        action.created_at,
    )  # fmt: skip


def _answer(response: dict[str, Any] | None) -> str:
    """The status and the beginning of what came back, or why nothing did."""
    told = response or {}
    return " ".join(str(told[name]) for name in ("status", "detail", "body") if told.get(name))[:SHOWN]
