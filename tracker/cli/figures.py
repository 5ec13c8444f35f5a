"""`tracker figures`: how posts ended, side by side, in a span and in the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli import app
from tracker.cli.context import Config, Csv, Json, Provider, ask, now
from tracker.cli.output import say, show_json, show_page, show_table, written
from tracker.cli.remote import Url, over
from tracker.parameters import TIMES, parse_optional_time

if TYPE_CHECKING:
    from tracker.queries.figures import EndsOut, FigureOut

BY = "account, platform, provider, error or attribute"
ENDS = ("published", "partly", "failed", "rate", "median delay", "missed by webhook", "before")


@app.command("figures")
def show_figures(
    span: Annotated[str, typer.Option(help="How long, as in 24h, 7d, 30d.")] = "7d",
    by: Annotated[str, typer.Option(help=f"What is told apart: {BY}.")] = "account",
    platform: Annotated[str | None, typer.Option(help="As in instagram: its targets alone.")] = None,
    account: Annotated[str | None, typer.Option(help="An account's id: its targets alone.")] = None,
    provider: Provider = None,
    until: Annotated[str | None, typer.Option(help=f"The end of the span {TIMES}; now, if not named.")] = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """How posts ended: published, failed, how late and what webhooks missed, beside the span before it."""
    from tracker.queries.figures import FiguresOut, FiguresQuery, figures  # noqa: PLC0415  (takes a third of a second)
    from tracker.queries.paging import Page  # noqa: PLC0415  (as above)

    only = {"provider": provider, "platform": platform, "account": account}
    query = FiguresQuery.parse(now(), span=span, by=by, **only)
    if url:
        asked = {"span": span, "group": by, "until": until, **only}
        found = over(url, lambda api: api.get("/figures", FiguresOut, **asked))
    else:
        end = parse_optional_time("until", until, now()) or now()
        found = ask(config, lambda conn: figures(conn, query, end))
    if json:
        show_json(found)
        return
    say(f"{written(found.since)} to {written(found.until)}; before: from {written(found.before_since)}", aside=True)
    if found.one_in > 1:
        say(f"one post in {found.one_in} was counted: these are estimates", aside=True)
    if csv:
        show_page(Page(found.items, None), (), _row, json=False, csv=True)
        return
    in_all = ("in all", *_ends(found.now), _before(found.before))
    show_table((by, *ENDS), [*map(_row, found.items), in_all], less=("before", "missed by webhook", "partly"))


def _row(figure: FigureOut) -> tuple[object, ...]:
    names = (figure.provider, figure.platform, figure.name or figure.account, figure.error, figure.attribute)
    return ("/".join(filter(None, names)), *_ends(figure.now), _before(figure.before))


def _ends(ends: EndsOut) -> tuple[object, ...]:
    rate = None if ends.rate is None else f"{ends.rate:.1%}"
    delay = None if ends.median_delay is None else f"{ends.median_delay:.0f} s"
    return (ends.published, ends.partly, ends.failed, rate, delay, ends.missed_by_webhook)


def _before(ends: EndsOut) -> str:
    return f"{ends.published} + {ends.partly + ends.failed}"
