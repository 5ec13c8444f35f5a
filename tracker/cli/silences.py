"""`tracker silences`: alerts kept from people for a while, begun and ended by hand, and what that hid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from tracker.cli import noun
from tracker.cli.context import Config, Cursor, Json, Limit, now, on_database
from tracker.cli.orders import BY, carry_out
from tracker.cli.output import counted, listed, say, show_json, show_page, show_pairs, show_table, written
from tracker.cli.remote import Url, asked, at, over

if TYPE_CHECKING:
    from tracker.cli.remote import Api
    from tracker.queries.silences import SilenceOut
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

silences = noun("silences", "Alerts that nobody gets for a while.")

HEADINGS = ("id", "active", "until", "alerts", "hid", "by", "reason")

Ids = Annotated[list[UUID], typer.Argument(metavar="ID...", help="As `tracker silences list` shows them.")]


@silences.command("list")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="active, ended or both.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Silences, the newest first, those that are over too, each with how many alerts it hid."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes half a second)
    from tracker.queries.silences import SilenceOut, list_silences  # noqa: PLC0415  (as above)

    page = asked(
        url, config, "/silences", Page[SilenceOut], lambda conn: list_silences(conn, state, now(), cursor, limit),
        state=state, limit=limit, cursor=cursor,
    )  # fmt: skip
    show_page(page, HEADINGS, _row, json=json, below=("reason",), less=("by", "hid"))


@silences.command()
def show(
    silence: Annotated[UUID, typer.Argument(metavar="ID", help="As `tracker silences list` shows it.")],
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """One silence, with the newest of what it hid."""
    from tracker.queries.silences import SilenceOut, one_silence  # noqa: PLC0415  (takes half a second)

    shown = asked(url, config, at("silences", silence), SilenceOut, lambda conn: one_silence(conn, silence, now()))
    _tell(shown, json=json)


@silences.command()
def add(
    match: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="Which alerts, as in rule=stuck-* platform=instagram.")
    ],
    reason: Annotated[str, typer.Option(help="Why, for those who wonder.")],
    for_: Annotated[str | None, typer.Option("--for", help="How long, as in 2h; 30 days at most.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Instead of --for: tomorrow, monday (at 09:00 here), or 2026-11-30T09:00:00Z.")
    ] = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Hide the alerts that fit all of it, from now on. Rules fire as ever, and what is hidden is on record."""
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.providers.rule_files import read_rules  # noqa: PLC0415  (as above)
    from tracker.queries.silences import SilenceOut, one_silence  # noqa: PLC0415  (as above)

    for text in match:
        if "=" not in text:
            raise typer.BadParameter(f'"{text}" is not name=value, as in rule=stuck-*', param_hint="NAME=VALUE")
    wanted = dict(text.split("=", 1) for text in match)
    end = commands.end_of_silence(until, for_, now(), None)

    async def work(settings: Settings, database: Database) -> SilenceOut:
        rules = [rule.id for rule in read_rules(settings).rules]
        known = {"rule": rules, "provider": sorted(settings.providers), "channel": sorted(settings.channels)}
        begun = commands.silence(uuid4(), wanted, end, reason, BY, now(), known)
        async with database.transaction() as conn:
            await commands.begin_silence(conn, begun)
            return await one_silence(conn, begun.id, now())

    if url:
        body = {"match": wanted, "reason": reason, "until": end.isoformat() if until else None, "for": for_}
        shown = over(url, lambda api: api.post("/silences", SilenceOut, body))
    else:
        shown = on_database(config, work)
    _tell(shown, json=json)


@silences.command()
def end(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """End them now; they stay on record."""
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.queries.silences import SilenceOut, one_silence  # noqa: PLC0415  (as above)

    async def there(api: Api, silence: UUID) -> SilenceOut:
        return await api.delete(at("silences", silence), SilenceOut)

    async def here(_: Settings, conn: Connection, silence: UUID) -> SilenceOut:
        await commands.end_silence(conn, silence, BY, now())
        return await one_silence(conn, silence, now())

    carry_out(items, url, config, there=there, here=here, tell=_ended, json=json)


def _ended(silence: SilenceOut) -> str:
    return f"ended at {written(silence.until)}, having hidden {counted(silence.hid.count, 'alert')}"


def _row(silence: SilenceOut) -> tuple[object, ...]:
    return (
        silence.id, silence.active, silence.until, listed(silence.match), silence.hid.count, silence.by,
        silence.reason,
    )  # fmt: skip


def _tell(silence: SilenceOut, *, json: bool) -> None:
    if json:
        show_json(silence)
        return
    show_pairs(
        [("id", silence.id), ("alerts", listed(silence.match)), ("reason", silence.reason), ("by", silence.by),
         ("since", silence.since), ("until", silence.until), ("active", silence.active), ("hid", silence.hid.count)]
    )  # fmt: skip
    if silence.hid.newest:
        say("\nhidden")
        rows = ((alert.created_at, alert.rule, alert.channel, alert.post, alert.title) for alert in silence.hid.newest)
        show_table(("at", "rule", "channel", "post", "title"), rows)
