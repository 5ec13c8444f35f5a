"""`tracker rules list`, `show`, `enable`, `disable` and `resume`: how rules do, and whether they are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tracker.cli.context import Config, Csv, Cursor, Json, Limit, now, on_database
from tracker.cli.orders import BY, carry_out
from tracker.cli.output import say, show_json, show_page, show_pairs, show_table, written
from tracker.cli.remote import Url, at, over
from tracker.cli.rules import fit_rules, rules
from tracker.domain.runs.engine_state import OWN_BUDGET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tracker.cli.remote import Api
    from tracker.queries.rule_views import OneRuleOut, RuleOut
    from tracker.rulebook.source import RuleSource
    from tracker.settings import Settings
    from tracker.store.database import Connection, Database

HEADINGS = ("id", "state", "fired today", "last fired", "paused until", "sets it going")

Enabled = Annotated[bool | None, typer.Option("--on/--off", help="Only those that are on, or off.")]
Ids = Annotated[list[str], typer.Argument(metavar="RULE...", help="The rules' ids.")]


@rules.command("list")
def show_list(
    enabled: Enabled = None,
    limit: Limit = 500,
    cursor: Cursor = None,
    url: Url = None,
    config: Config = None,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Rules by their ids: whether they are on, and how often they fired. At an address also why files are refused."""
    from tracker.queries.paging import Page  # noqa: PLC0415  (takes half a second)
    from tracker.queries.rule_status import list_rules  # noqa: PLC0415  (as above)
    from tracker.queries.rule_views import RuleOut, RulesOut, rule_fields  # noqa: PLC0415  (as above)

    if url:
        asked = {"enabled": enabled, "limit": limit, "cursor": cursor}
        answer = over(url, lambda api: api.get("/rules", RulesOut, **asked))
        for fault in answer.faults:
            place = ":".join(str(part) for part in (fault.file, fault.line, fault.column) if part is not None)
            say(f"refused: {place}: {fault.key}: {fault.message}", aside=True)
        page = Page(answer.items, answer.next)
    else:
        source = _of_files(config)

        async def work(_: Settings, database: Database) -> Page[RuleOut]:
            async with database.connection() as conn:
                known = await list_rules(conn, source, now(), cursor, limit, enabled)
            return Page([RuleOut(**rule_fields(status)) for status in known.items], known.next)

        page = on_database(config, work)
    show_page(page, HEADINGS, _row, json=json, csv=csv, less=("sets it going", "paused until", "last fired"))


@rules.command()
def show(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule's id.")],
    url: Url = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """One rule: what it is for, its steps in words, and how it does."""
    from tracker.queries.rule_views import OneRuleOut  # noqa: PLC0415  (takes half a second)

    if url:
        shown = over(url, lambda api: api.get(at("rules", rule), OneRuleOut))
    else:
        source = _of_files(config)

        async def work(_: Settings, database: Database) -> OneRuleOut:
            async with database.connection() as conn:
                return await _one(conn, source, rule)

        shown = on_database(config, work)
    if json:
        show_json(shown)
        return
    names = ("id", "trigger", "per", "match", "count", "budget", "throttle", "debounce", "mutes", "description",
             "owner", "runbook", "file", "line", "in_force_since", "canary_until", "last_fired_at")  # fmt: skip
    show_pairs([("state", _state(shown)), *((name.replace("_", " "), getattr(shown, name) or None) for name in names)])
    show_pairs([("fired today", _fired(shown.firings.day)), ("ever", _fired(shown.firings.all))])
    for pause in shown.pauses:
        say(f"paused for {pause.scope or 'everything'} until {written(pause.until)}, by {pause.by}")
    say("\nsteps")
    show_table(("step", "what it does"), ((step.path, step.says) for step in shown.steps))


@rules.command()
def enable(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """Switch rules on, whatever their file says; a canary begins again."""
    _order("enable", items, url, config, json=json)


@rules.command()
def disable(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """Switch rules off, whatever their file says, over reloads and restarts; their runs end at their next move."""
    _order("disable", items, url, config, json=json)


@rules.command()
def resume(items: Ids, url: Url = None, config: Config = None, json: Json = False) -> None:
    """End what pauses rules, their own budgets too; what was suppressed meanwhile stays so."""
    _order("resume", items, url, config, json=json)


def _order(
    order: Literal["enable", "disable", "resume"], items: list[str], url: str | None, config: Path | None, *, json: bool
) -> None:
    from tracker.facts import commands  # noqa: PLC0415  (takes half a second)
    from tracker.queries.rule_views import OneRuleOut  # noqa: PLC0415  (as above)
    from tracker.rulebook.source import rule_called  # noqa: PLC0415  (as above)

    async def there(api: Api, rule: str) -> OneRuleOut:
        return await api.post(at("rules", rule, order), OneRuleOut)

    async def here(_: Settings, conn: Connection, rule: str) -> OneRuleOut:
        source = _of_files(config)
        known = rule_called(source, rule)
        if order == "resume":
            await commands.resume_rule(conn, known.id, BY, now())
        else:
            await commands.switch_rule(conn, known, on=order == "enable", by=BY, now=now())
        return await _one(conn, source, rule)

    carry_out(items, url, config, there=there, here=here, tell=_state, json=json)


def _of_files(config: Path | None) -> RuleSource:
    from tracker.rulebook.source import OfFiles  # noqa: PLC0415  (takes half a second)

    return OfFiles(fit_rules(config))


async def _one(conn: Connection, source: RuleSource, name: str) -> OneRuleOut:
    from tracker.queries.rule_status import status_of  # noqa: PLC0415  (it is loaded by now)
    from tracker.queries.rule_views import OneRuleOut, rule_details, rule_fields  # noqa: PLC0415  (as above)
    from tracker.rulebook.source import rule_called  # noqa: PLC0415  (as above)

    rule = rule_called(source, name)
    return OneRuleOut(**rule_fields(await status_of(conn, rule, source, now())), **rule_details(rule))


def _fired(outcomes: Mapping[str, int]) -> int:
    """How often it fired, those among it whose runs wait their turn or were put off."""
    return outcomes.get("fired", 0) + outcomes.get("queued", 0)


def _state(rule: RuleOut) -> str:
    state = "on" if rule.enabled else "off"
    if rule.enabled and rule.canary_until:
        state = f"canary until {written(rule.canary_until)}"
    if any(pause.by == OWN_BUDGET for pause in rule.pauses):
        state += ", held by its budget"
    return f"{state}, by {rule.switched.by}" if rule.switched else state


def _row(rule: RuleOut) -> tuple[object, ...]:
    paused = max((pause.until for pause in rule.pauses), default=None)
    return rule.id, _state(rule), _fired(rule.firings.day), rule.last_fired_at, paused, rule.trigger
