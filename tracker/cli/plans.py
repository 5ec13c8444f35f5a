"""`tracker plans`: orders about many posts or actions, how far they are, and those that begin them."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from tracker.cli import FOUND_PROBLEMS, noun
from tracker.cli.context import Config, Cursor, Json, Limit, now, on_database, require_configured
from tracker.cli.orders import BY, carry_out
from tracker.cli.output import counted, in_words, listed, say, show_json, show_page, show_pairs
from tracker.cli.remote import Url, asked, at, over

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.queries.plans import OnePlanOut, PlannedOut, PlanOut
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

plans = noun("plans", "Orders about many posts or actions at once.")

HEADINGS = ("id", "state", "order", "total", "left", "ordered", "passed over", "made", "note")
OF_LISTS = ("limit", "cursor", "sort", "as_of", "url", "config", "json", "csv")
"""Options of a list that say nothing about which ones it shows."""

Ids = Annotated[list[UUID], typer.Argument(metavar="ID...", help="As `tracker plans list` shows them.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would come of it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Pace = Annotated[str | None, typer.Option(help="How fast, as in '60 per minute'.", show_default="10 per second")]
Note = Annotated[str, typer.Option(help="Why, for whoever looks at it later.")]
Everything = Annotated[
    bool, typer.Option("--all", help="Also what it is said not to help to try again, and actions that are done.")
]


def filtered_as(shown: Callable[..., object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command's `filters` are the options by which the command `shown` lists the same things."""
    options = inspect.signature(shown, eval_str=True).parameters
    added = [option for name, option in options.items() if name not in OF_LISTS]

    def give(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        known = [option for option in signature.parameters.values() if option.kind is not option.VAR_KEYWORD]
        signature = signature.replace(parameters=[*known, *added])
        command.__signature__ = signature  # type: ignore[attr-defined]  # which is how one says it
        command.__annotations__ = {option.name: option.annotation for option in signature.parameters.values()}
        return command

    return give


def refuse_both(filters: dict[str, Any], *, dry_run: bool) -> None:
    """Raise BadParameter where ids are given together with what is about many."""
    more = [name for name, value in filters.items() if value and name != "provider"] + ["dry-run"] * dry_run
    if more:
        raise typer.BadParameter("say either ids, which are done at once, or filters", param_hint=f"--{more[0]}")


def order_many(
    subject: str,
    verb: str,
    filters: dict[str, Any],
    *,
    dry_run: bool,
    yes: bool,
    pace: str | None,
    note: str,
    url: str | None,
    config: Path | None,
    json: bool,
    include_all: bool = False,
    until: datetime | None = None,
) -> None:
    """Say what would come of it, ask on a terminal, and make a plan of it; exits 1 where it would be given for none."""
    from tracker.act.plans import give_order  # noqa: PLC0415  (takes half a second)
    from tracker.queries.plans import PlannedOut, parse_order  # noqa: PLC0415  (as above)

    if not url:
        require_configured(config)
    if not (dry_run or yes or sys.stdin.isatty()):
        raise typer.BadParameter("nobody can be asked here: say --yes, or --dry-run", param_hint="--yes")
    filters = {name: value for name, value in filters.items() if value}
    order = parse_order(subject, verb, filters, pace=pace, note=note, include_all=include_all, until=until)
    include = "all" if include_all else "usual"
    body: dict[str, Any] = {"filters": filters, "pace": order.pace, "note": note, "include": include}
    body |= {"until": until} if until else {}

    def planned(trying: bool) -> PlannedOut:
        async def work(settings: Settings, database: Database) -> PlannedOut:
            async with database.transaction(unhurried=True) as conn:
                return await give_order(conn, order, BY, now(), settings.providers, dry_run=trying)

        if url:
            return over(url, lambda api: api.post(at(subject, verb), PlannedOut, body, dry_run=trying))
        return on_database(config, work)

    if dry_run or not yes:
        _try_first(planned(trying=True), subject, verb, dry_run=dry_run, json=json)
    made = planned(trying=False)
    if json:
        show_json(made)
    elif made.plan:
        say(f"plan {made.plan.id} is about {counted(made.plan.total, subject[:-1])}; "
            f"`tracker plans show {made.plan.id}` tells how far it is")  # fmt: skip


def _try_first(tried: PlannedOut, subject: str, verb: str, *, dry_run: bool, json: bool) -> None:
    """Say what would come of it; ends here after a dry run, where it would come to nothing, or on a no."""
    if json and dry_run:
        show_json(tried)
    else:
        say(_told(tried, subject, verb), aside=not dry_run)
    if not tried.orders:
        raise typer.Exit(FOUND_PROBLEMS)
    if dry_run or not typer.confirm(f"{verb} them?", err=True):
        raise typer.Exit


def _told(tried: PlannedOut, subject: str, verb: str) -> str:
    oldest = "" if tried.exact else f"there are more: of the {tried.matched} oldest, "
    lines = [f"{oldest}{tried.matched if tried.exact else 'all'} {subject} match: {verb} {tried.orders}"]
    lines += [f"passes over {number}: {reason}" for reason, number in sorted(tried.skipped.items())]
    return "\n".join(lines)


@plans.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="running, paused, done, cancelled.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Plans, the newest first."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes half a second)
    from tracker.queries.plans import PlanOut, list_plans  # noqa: PLC0415  (as above)

    page = asked(
        url, config, "/plans", Page[PlanOut], lambda conn: list_plans(conn, state, now(), cursor, limit),
        state=state, limit=limit, cursor=cursor,
    )  # fmt: skip
    show_page(page, HEADINGS, _row, json=json, below=("note",), less=("made", "passed over", "ordered"))


@plans.command()
def show(
    plan: Annotated[UUID, typer.Argument(metavar="ID", help="As `tracker plans list` shows it.")],
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """One plan: what it is about, how far it is, and what has become of its orders."""
    from tracker.queries.plans import OnePlanOut, one_plan  # noqa: PLC0415  (takes half a second)

    shown = asked(url, config, at("plans", plan), OnePlanOut, lambda conn: one_plan(conn, plan, now()))
    if json:
        show_json(shown)
        return
    names = ("id", "state", "note", "by", "pace", "until", "created_at", "changed_at", "total", "left", "ordered")
    show_pairs([("order", f"{shown.verb} {shown.subject}"), *in_words("which", shown.filters)])
    show_pairs([(name.replace("_", " "), getattr(shown, name)) for name in names])
    show_pairs([*in_words("passed over", shown.skipped), *in_words("by now", shown.outcomes)])
    show_pairs([("ends at", shown.ends_at)])


@plans.command()
def pause(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """Let them rest; what was ordered already goes on by itself."""
    _bring("pause", "paused", items, url, config, json=json)


@plans.command()
def resume(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """Let them go on, each at its own pace."""
    _bring("resume", "running", items, url, config, json=json)


@plans.command()
def cancel(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """End them; what was ordered already goes on by itself."""
    _bring("cancel", "cancelled", items, url, config, json=json)


def _bring(move: str, state: str, items: list[UUID], url: str | None, config: Path | None, *, json: bool) -> None:
    from tracker.facts.planning import bring_plan  # noqa: PLC0415  (takes half a second)
    from tracker.queries.plans import OnePlanOut, one_plan  # noqa: PLC0415  (as above)

    async def there(api: Api, plan: UUID) -> OnePlanOut:
        return await api.post(at("plans", plan, move), OnePlanOut)

    async def here(_: Settings, conn: Connection, plan: UUID) -> OnePlanOut:
        await bring_plan(conn, plan, state, BY, now())
        return await one_plan(conn, plan, now())

    def tell(plan: OnePlanOut) -> str:
        return f"{plan.verb} {plan.subject} is {plan.state}, {plan.left} of {plan.total} are left"

    carry_out(items, url, config, there=there, here=here, tell=tell, json=json)


def _row(plan: PlanOut) -> tuple[object, ...]:
    passed_over = listed({reason: str(number) for reason, number in plan.skipped.items()})
    return (
        plan.id, plan.state, f"{plan.verb} {plan.subject}", plan.total, plan.left, plan.ordered, passed_over,
        plan.created_at, plan.note,
    )  # fmt: skip
