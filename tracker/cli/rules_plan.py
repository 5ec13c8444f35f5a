"""`tracker rules plan`: what an edit of the rule files comes to, before it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracker.cli.context import Config, Json, now, on_database, open_settings
from tracker.cli.output import counted, say, show_list, show_table
from tracker.cli.rules import rules
from tracker.cli.rules_backtest import tried_rules

if TYPE_CHECKING:
    from tracker.queries.rule_plan import RulePlan, Several
    from tracker.settings import Settings
    from tracker.store.database import Database

COLUMNS = ("rule", "change", "cancelled", "armed", "kept", "runs ended", "runs going on", "fires at once")


@rules.command()
def plan(
    tried: Annotated[
        Path | None,
        typer.Option(
            "--with",
            exists=True,
            help="A folder in place of [rules] dir, or a file whose rules stand in for those of the same id.",
        ),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Which timers and runs the rule files, as they are now, would cancel, arm and keep; nothing is done."""
    from tracker.queries.rule_plan import rule_plan  # noqa: PLC0415  (takes half a second)

    asked, _ = tried_rules(open_settings(config), tried)

    async def work(_: Settings, database: Database) -> list[RulePlan]:
        async with database.snapshot(unhurried=True) as conn:
            return await rule_plan(conn, asked, now())

    plans = on_database(config, work)
    if json:
        show_list(plans)
        return
    changed, same = ([one for one in plans if (one.change == "kept") is kept] for kept in (False, True))
    if changed:
        show_table(COLUMNS, ([one.rule, one.change, *(some.count for some in _parts(one).values())] for one in changed))
    for one in changed:
        for what, some in _parts(one).items():
            if some.keys:
                more = f", and {some.count - len(some.keys)} more" if some.count > len(some.keys) else ""
                say(f"{one.rule} {what}: {', '.join(some.keys)}{more}")
    held = f"{counted(sum(one.kept.count for one in same), 'timer')} and"
    held = f"{held} {counted(sum(one.running.count for one in same), 'run')}"
    say(f"{counted(len(changed), 'rule')} would change; {counted(len(same), 'rule')} would not, with {held}")


def _parts(one: RulePlan) -> dict[str, Several]:
    parts = (one.cancelled, one.armed, one.kept, one.ended, one.running, one.at_once)
    return dict(zip(COLUMNS[2:], parts, strict=True))
