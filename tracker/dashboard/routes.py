"""The addresses of the dashboard, who may use them, and what their pages are given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from litestar import Request, Router, get
from litestar.di import Provide
from litestar.params import PathParameter

from tracker.dashboard import (
    accounts,
    acknowledging,
    calendar,
    downloads,
    figure_table,
    health,
    overview,
    plans,
    post_list,
    posts,
    quarantine,
    reconciliations,
    rendering,
    report,
    rule_editor,
    rules,
    runs,
    session,
    silences,
)
from tracker.dashboard.error_pages import HANDLERS
from tracker.dashboard.health import HealthData
from tracker.dashboard.installation import Installation
from tracker.dashboard.overview import OverviewData
from tracker.dashboard.rules import RuleTrouble, rule_trouble
from tracker.dashboard.session import LIVE, Here, NotSignedIn, Reception, Visit, from_our_own_pages, raw_path, visit_of
from tracker.domain.runs.acknowledgement import Links
from tracker.errors import NotFound
from tracker.queries.key_checks import KeyChecks
from tracker.rulebook.source import Footing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from litestar.types import ControllerRouterHandler

    from tracker.store.database import Database


@get("/{anything:path}")
async def nothing_here(guest: Here, anything: Annotated[str, PathParameter()]) -> None:
    """An address with a slip in it gets a page, and not an answer for programs."""
    raise NotFound(raw_path(guest.request))


MOST_SENT = 64 * 1024
"""What a form may say, in bytes, but for the one that takes a rule's text."""

PAGES = (
    overview.show_overview, post_list.show_posts, posts.show_post, posts.retry_post, posts.reconcile_post,
    quarantine.show_quarantine, quarantine.show_held, quarantine.show_replay, quarantine.replay_held,
    quarantine.replay_all, quarantine.discard_held,
    reconciliations.show_reconciliations, reconciliations.show_round, reconciliations.ask_now,
    health.show_health,
    silences.show_silences, silences.begin_silence, silences.end_silence,
    rules.show_rules, rules.show_rule, rules.enable, rules.disable, rules.resume, rules.why_not,
    rules.show_trial, rules.run_trial,
    rule_editor.show_editor, rule_editor.edit_rule,
    runs.show_runs, runs.show_run, runs.cancel, runs.acknowledge, runs.show_actions, runs.retry, runs.discard,
    plans.show_plans, plans.show_order, plans.make_plan, plans.show_plan, plans.move_plan,
    figure_table.show_figures, report.show_report, accounts.show_account,
    calendar.show_calendar, calendar.send_feed,
    acknowledging.show_alert, acknowledging.acknowledge,
    session.show_sign_in, session.sign_in, session.sign_out, session.change_language, rendering.asset,
    *downloads.DOWNLOADS, nothing_here,
)  # fmt: skip


def handlers(
    database: Database,
    clock: Callable[[], datetime],
    subscriptions: Sequence[str] = (),
    rule_faults: Callable[[], Sequence[object]] = tuple,
    *,
    footing: Callable[[], Footing] = Footing,
    installation: Installation | None = None,
    checks: KeyChecks | None = None,
    open_here: bool = False,
) -> list[ControllerRouterHandler]:
    """What to mount at the root of the application.

    `subscriptions` are those whose silence the overview reports, `rule_faults` says why rule files were refused, and
    `footing` what is in force instead; `installation` is what the page of health is about, `checks` are those of the
    API; with `open_here`, who comes from this machine needs no key.
    """
    installation = installation or Installation()
    left_out = installation.settings.left_out
    checks = checks or KeyChecks(database)
    reception = Reception(checks, clock, open_here)

    def troubled() -> RuleTrouble:
        return rule_trouble(rule_faults(), footing(), left_out)

    lookout = OverviewData(database, clock, subscriptions, troubled, installation)

    async def guest(request: Request[Any, Any, Any]) -> Visit:
        visit = visit_of(request, await reception.key_of(request))
        if visit.key and request.method == "GET" and LIVE not in request.headers:
            visit = replace(visit, attention=await lookout.attention())
        request.state.visit = visit
        return visit

    server = installation.settings.server
    given = {
        "links": _given(Links(server.public_url, server.link_secret.get_secret_value())),
        "database": _given(database),
        "checks": _given(checks),
        "lookout": _given(lookout),
        "checkup": _given(HealthData(database, clock, subscriptions, troubled, installation)),
        "installation": _given(installation),
        "guest": Provide(guest),
        "visit": Provide(_known),
    }
    return [
        Router(
            "/",
            route_handlers=PAGES,
            guards=[from_our_own_pages],
            dependencies=given,
            exception_handlers=HANDLERS,
            include_in_schema=False,
            request_max_body_size=MOST_SENT,
        )
    ]


def _given(value: Any) -> Provide:
    def give() -> Any:
        return value

    return Provide(give, sync_to_thread=False)


async def _known(guest: Here) -> Visit:
    if guest.key is None:
        raise NotSignedIn("sign in with a key")
    return guest
