"""The page of the installation's health: all is well, or what is not is named, from the store alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.contract.dashboard import dashboard
from tests.contract.serving import project
from tests.contract.test_api_drifts import FINDINGS
from tests.integration.told import PROVIDER, told
from tracker.dashboard.installation import Installation
from tracker.domain.actions import Reason
from tracker.domain.calls.call_budget import Purpose
from tracker.domain.calls.call_limits import CallLimits, CallRequest, CallResult, Terms
from tracker.domain.calls.circuit_breaker import FAILURES
from tracker.domain.cron import latest
from tracker.domain.drift.findings import Drift, Finding
from tracker.domain.posts.post import FOLD_VERSION
from tracker.errors import Misconfigured
from tracker.runtime.supervision import Failing
from tracker.settings import Settings
from tracker.store.calls import call_limits, schedule_runs
from tracker.store.checkpoints import processes
from tracker.store.database import set_codecs
from tracker.store.drift import drifts
from tracker.store.drift.drifts import Examples
from tracker.store.log import event_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracker.settings import Job
    from tracker.store.database import Database

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
SPEAKS = {"kind": "sosyalkopru", "api_url": "http://127.0.0.1:9", "api_key": "k", "webhook_secrets": ["s" * 32]}
SETTINGS = Settings.model_validate(
    {
        "providers": {PROVIDER: {**SPEAKS, "credits_kept": 100, "budget": ["20 in 1h"]}},
        "jobs": {"nightly": {"kind": "reconcile", "cron": "30 3 * * *"}},
    }
)
MADE = f"update projections set fold_version = {FOLD_VERSION}"
"""As a service does that starts."""

INSTALLATION = Installation(SETTINGS, (PROVIDER,))


def now() -> datetime:
    return datetime.now(UTC)


async def page(database: Database, **options: Any) -> str:
    """The page without its tags and with single spaces."""
    async with dashboard(database, clock=now, installation=INSTALLATION, open_here=True, **options) as client:
        answer = await client.get("/health")
        assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text.partition("<main")[2]).split())


async def stand(database: Database, change: Callable[[CallLimits, datetime], CallLimits]) -> None:
    """How we stand with the provider, from now on."""
    async with database.transaction() as conn:
        standing, at = await call_limits.hold(conn, PROVIDER)
        await call_limits.save(conn, change(standing.seen(at), at))


def last_time(job: Job) -> datetime:
    """The latest occasion of the job."""
    (moment,) = latest(job.schedule, now() - timedelta(days=2), now(), 1)
    return moment


async def test_where_all_is_well_it_says_so_and_shows_the_figures(database: Database) -> None:
    await project(database, told("p1", "published", 1))
    async with database.connection() as conn:
        await event_log.ensure_day(conn, now().date())
        await conn.execute("update places set caught_up_at = now()")
        await conn.execute(MADE)
        for name, job in SETTINGS.jobs.by_name.items():
            if name != "nightly":
                await schedule_runs.take(conn, name, last_time(job), now())
        await conn.execute(
            "insert into heard_hours values ($1, date_trunc('hour', $2::timestamptz), $2)", PROVIDER, now()
        )

    def asked_twice(standing: CallLimits, at: datetime) -> CallLimits:
        terms = Terms(SETTINGS.providers[PROVIDER].budget)
        for _ in range(2):
            standing, _granted = standing.acquire(terms, CallRequest("get", Purpose.REACTION), at)
        return standing.record(CallResult(Reason.OK, skew=0.3, credits=4812), at)

    await stand(database, asked_twice)
    text = await page(database, subscriptions=["processor"])
    for said in (
        "Everything does its work",
        "sosyalkopru Answers Calls left 18 of 20 in 1 h",
        "Credits left 4,812 · 100 kept for reactions",
        "Its clock as ours",
        "processor Reads up to date partitions: 16, by only",
        "Notice silent providers deadman last",
        "nightly not done yet next:",
        "Schema up to date",
        "held: 0",
        "the files are in force as they are",
    ):
        assert said in text, said


async def test_an_agent_that_keeps_failing_is_named_with_its_process_and_its_error(database: Database) -> None:
    session = await asyncpg.connect(database.dsn)
    await set_codecs(session)
    failing = {"scheduler": Failing(7, now() - DAY, "ValueError: <no such day>")}
    await processes.show_up(session, "n1", ["scheduler"], failing)
    text = await page(database)
    await session.close()
    assert "The scheduler of n1 keeps failing: 7 times since" in text
    assert "ValueError: &lt;no such day&gt;" in text


async def test_a_webhook_is_shown_as_soon_as_it_is_in_the_log(database: Database) -> None:
    """Also a test, which is about no post, and before the deadman looks; a silence that it ends is over then."""
    async with database.connection() as conn:
        await conn.execute("insert into silent_providers values ($1, $2, $2)", PROVIDER, now() - DAY)
    before = await page(database)
    assert "Last webhook none in 14 days" in before
    assert f"Nothing has been heard from {PROVIDER}" in before
    async with database.connection() as conn:
        await event_log.append(conn, [told(None, None, 1, kind="webhook.test", now=now())])
    after = await page(database)
    assert "none in 14 days" not in after
    assert f"Nothing has been heard from {PROVIDER}" not in after


async def test_whatever_is_wrong_is_named(database: Database) -> None:
    await project(database, told("poison", "failed", 1))
    async with database.connection() as conn:
        await schedule_runs.take(conn, "deadman", now() - timedelta(hours=1), now())
        await conn.execute(MADE)
        await conn.execute("insert into silent_providers values ($1, $2, $2)", PROVIDER, now() - DAY)
        for provider, authentic, digest in ((PROVIDER, True, "a"), ("<b>forger</b>", False, "b")):
            await conn.execute(
                "insert into quarantine (provider, reason, authentic, delivery, body_hash, received_at, headers, body)"
                " values ($1, 'signature_wrong', $2, $3, 'h', $4, '{}', '')", provider, authentic, digest, now(),
            )  # fmt: skip

    def failing(standing: CallLimits, at: datetime) -> CallLimits:
        for _ in range(FAILURES):
            standing = standing.record(CallResult(Reason.HTTP_5XX, skew=-9.0, credits=100), at)
        return standing

    await stand(database, failing)
    fault = Misconfigured("there is no channel", file="rules/a.toml", line=3, column=4)
    text = await page(database, subscriptions=["processor", "other"], rule_faults=lambda: [fault])
    for said in (
        "The other shows no sign of life",
        "No scheduled job is done",
        "No day of the log is ready",
        "rules/a.toml:3:4: there is no channel",
        "worked on: 1. The newest error: ValueError: poison",
        "sosyalkopru does not answer",
        "The credits left at sosyalkopru are kept",
        "The clock of sosyalkopru differs",
        "Nothing has been heard from sosyalkopru",
        "Deliveries in quarantine: 1",
        "wrong signature in the last day: 1 ( &lt;b&gt;forger&lt;/b&gt; )",
        "Need attention: 12",
        "The processor is",
        "Last failure fault at the other side",
        "9 s behind ours",
        "deadman overdue",
        "other No sign of life has not read yet",
        "a file was refused",
    ):
        assert said in text, said


async def test_what_providers_send_otherwise_is_told_with_posts_and_the_lines_that_map_it(database: Database) -> None:
    """A new field alone needs nobody; nobody's text is markup; and a provider that is gone is nobody's business."""
    findings = [*FINDINGS[:-1], Finding(Drift.STATUS, "post.published", "data.<b>", "<i>", "status")]
    async with database.transaction() as conn:
        for finding in findings:
            examples = Examples(3, [f"p{n}" for n in range(8)], now())
            said = {"remedy": "[x]", "example": 1}
            await drifts.begin(conn, PROVIDER, finding, now(), examples, said)
        await drifts.begin(conn, "gone", FINDINGS[0], now(), examples, said)
    before = await page(database)
    for sentence in (
        "What providers send has changed",
        "sosyalkopru says LIVE at data.status of post.published : a new status that nothing maps.",
        "sosyalkopru sends timestamp with post.published no more: that is where occurred_at was read.",
        "New beside it, and of the same type: at",
        "sosyalkopru sends data.postId of post.failed as number , and sent string before.",
        "sosyalkopru sends a new field data.extra ( object ) with post.failed .",
        "says &lt;i&gt; at data.&lt;b&gt;",
        "Seen in events: 3; posts: p7 , p6 , p5 , p4 , p3 and 3 more",
        "tracker providers trial sosyalkopru says first which posts would stand otherwise",
    ):
        assert sentence in before, sentence
    assert "gone says" not in before
    needs = before.partition("Providers")[0]
    assert needs.count("sosyalkopru s") == len(findings) - 1
