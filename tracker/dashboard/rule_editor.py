"""The editor of a rule's file: checked, tried on a month and planned, and only then put in the file's place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from tracker.dashboard.installation import Installation
from tracker.dashboard.query import Query, rule_address, with_done
from tracker.dashboard.rendering import visible
from tracker.dashboard.rules import SHOWN, RuleId, Tried, tried_on
from tracker.dashboard.session import Db, Here, Now, Rules, Visit
from tracker.errors import Misconfigured, NotAllowed, Rejected
from tracker.process.backtest import Span
from tracker.process.backtest_service import BacktestService
from tracker.providers.rule_files import read_edited, read_rules
from tracker.queries.rule_plan import RulePlan, rule_plan
from tracker.rulebook.editing import EditedMeanwhile, RuleFile
from tracker.rulebook.source import RuleSource, rule_called
from tracker.runtime.logger import Logger
from tracker.settings import Settings

log = Logger(__name__)

TRIED_ON = timedelta(days=30)
MOST_SENT = 4 * 2**20
"""What the form may say, in bytes."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that may come into a file's place, which had the `mark`; `current`: what others have written there since.

    `tried` and `plans` say what it comes to; `checked` is the mark of the text that they are about.
    """

    file: RuleFile
    text: str
    mark: str
    tried: Tried | None = None
    plans: Sequence[RulePlan] = ()
    current: str | None = None

    @property
    def fit(self) -> bool:
        """Whether it was checked, and may be saved."""
        return self.tried is not None and not self.tried.faults and self.tried.refused != "busy"

    @property
    def checked(self) -> str:
        """The mark of this text."""
        return sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@get("/rules/{rule:str}/edit")
async def show_editor(
    visit: Here, rules: Rules, installation: NamedDependency[Installation], rule: RuleId
) -> Response[Any]:
    """The whole text of the file in which the rule stands."""
    file = _file_of(visit, rules, installation.settings, rule)
    text, mark = await asyncio.to_thread(file.read)
    if visible(text) != text:
        raise Rejected("not_editable", f"{file.name} holds signs that no page can show: edit it in its place")
    return _page(visit, rule, Draft(file, text, mark))


@post("/rules/{rule:str}/edit", status_code=200, request_max_body_size=MOST_SENT)
async def edit_rule(
    visit: Here, rules: Rules, database: Db, now: Now, trial: NamedDependency[BacktestService],
    installation: NamedDependency[Installation], rule: RuleId,
) -> Response[Any]:  # fmt: skip
    """Check the text and say what it comes to; only what was checked just so is saved, where that is asked for."""
    file = _file_of(visit, rules, installation.settings, rule)
    sent = await visit.request.form()
    text = str(sent.get("text") or "").replace("\r\n", "\n")
    draft = Draft(file, text, Query(sent).text("mark") or "")
    if faults := await asyncio.to_thread(_faults, installation.settings, draft):
        return _page(visit, rule, Draft(file, text, draft.mark, Tried(faults=faults)), 422)
    if sent.get("save") != draft.checked:
        book = await asyncio.to_thread(read_edited, installation.settings, file.name, text)
        tried = await tried_on(trial, text, Span(now - TRIED_ON, now))
        async with database.snapshot(unhurried=True) as conn:
            plans = [plan for plan in await rule_plan(conn, book.rules, now) if plan.change != "kept"]
        return _page(visit, rule, Draft(file, text, draft.mark, tried, plans))
    try:
        kept = await asyncio.to_thread(file.save, text, draft.mark, now)
    except EditedMeanwhile:
        current, mark = await asyncio.to_thread(file.read)
        return _page(visit, rule, Draft(file, text, mark, current=current), 409)
    log.info("rules.edited", file=file.name, by=visit.key.name if visit.key else "", earlier=kept.name)
    there = rule_address(rule) if f"rule.{rule}" in text else "/rules"
    return Redirect(with_done(there, "rule_saved"), status_code=303)


def _file_of(visit: Visit, rules: RuleSource, settings: Settings, rule: str) -> RuleFile:
    """By the rule's place alone: no address says which file. Raises NotAllowed, NotFound and Rejected."""
    if not (settings.dashboard.edit_rules and visit.is_admin):
        raise NotAllowed('this needs "edit_rules = true" under [dashboard], and a key with the scope "admin"')
    place = rules.places().get(rule_called(rules, rule).id, ("", 0))[0]
    try:
        return RuleFile(settings.rules.dir, Path(place).relative_to(settings.rules.dir).as_posix())
    except (ValueError, Misconfigured) as error:
        raise Rejected("not_editable", str(error)) from error


def _faults(settings: Settings, draft: Draft) -> list[Misconfigured]:
    """What is wrong in this file, and what would be wrong in others because of it."""
    known = {str(fault) for fault in read_rules(settings).faults}
    found = read_edited(settings, draft.file.name, draft.text).faults
    return [fault for fault in found if fault.file == str(draft.file.path) or str(fault) not in known]


def _page(visit: Visit, rule: str, draft: Draft, status: int = 200) -> Response[Any]:
    return visit.page(
        "edit", status, rule_id=rule, draft=draft, tried=draft.tried, source=draft.text,
        lines=draft.text.split("\n"), shown=SHOWN, changed_only=True,
    )  # fmt: skip
