"""`tracker posts causes`: why posts failed, in sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli.context import Config, Json, Provider, now
from tracker.cli.output import say, show_json, show_table, written
from tracker.cli.posts import posts
from tracker.cli.remote import Url, asked
from tracker.parameters import TIMES

if TYPE_CHECKING:
    from tracker.queries.causes import CauseOut

BARS = " ▁▂▃▄▅▆▇█"


@posts.command("causes")
def show_causes(
    since: Annotated[str | None, typer.Option(help=f"Heard of since {TIMES}; a day, if not named.")] = None,
    until: Annotated[str | None, typer.Option(help="Heard of before this time.")] = None,
    platform: Annotated[str | None, typer.Option(help="As in instagram.")] = None,
    account: Annotated[str | None, typer.Option(help="An account's id.")] = None,
    provider: Provider = None,
    error: Annotated[str | None, typer.Option(help="An error's code.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="error, platform, account, provider: some, repeated.")] = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Why posts failed: how many for each error, platform and account, the most frequent first."""
    from tracker.queries.causes import CausesOut, list_causes  # noqa: PLC0415  (takes a third of a second)
    from tracker.queries.post_filters import PostQuery  # noqa: PLC0415  (as above)

    filters = {
        "since": since, "until": until, "platform": platform, "account": account, "provider": provider, "error": error,
    }  # fmt: skip
    query = PostQuery.parse(now(), **filters)
    causes = asked(
        url, config, "/causes", CausesOut, lambda conn: list_causes(conn, query, now(), group or ()),
        **filters, group=group,
    )  # fmt: skip
    if json:
        show_json(causes)
        return
    say(f"{written(causes.since)} to {written(causes.until)}", aside=True)
    show_table(("posts", "error", "platform", "account", "provider", "when", "newest message"), map(_row, causes.items))
    if not causes.complete:
        say("more posts failed than were looked at: these are of the newest", aside=True)


def _row(cause: CauseOut) -> tuple[object, ...]:
    most = max(cause.pace)
    when = "".join(BARS[-(-posts * (len(BARS) - 1) // most)] for posts in cause.pace)
    return cause.posts, cause.error, cause.platform, cause.account, cause.provider, f"{when}|", cause.message
