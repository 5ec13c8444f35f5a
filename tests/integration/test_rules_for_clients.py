"""One rule for many clients, as the service has it: rows of a table, campaigns over buckets, and what a post holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.integration.corridor import Corridor
from tests.integration.ruled import in_force
from tests.integration.told import NOON, PROVIDER
from tracker.domain.posts.event import Problem, Report, State, TargetFact, bucket_of
from tracker.facts.own_facts import reconciled

if TYPE_CHECKING:
    from pathlib import Path

    from tracker.store.database import Database
    from tracker.store.log.event_log import Incoming

pytestmark = pytest.mark.anyio

RULES = """
[table.client]
"acme-*" = { who = "Acme" }
"*"      = { who = "somebody" }

[rule.client]
on   = "* -> failed"
per  = "target"
with = { client = "account" }
do   = [{ alert = "ops", title = "{{ client.who }}: {{ post.targets.map(t, t.platform + ' ' + t.state) }}" }]

[rule.campaign]
on    = "* -> failed"
per   = "attributes.campaign"
count = ">= 3 in 1h"
once  = "1d"
do    = [{ alert = "ops", title = "{{ run.count }} of {{ post.attributes.map(name, post.attributes[name]) }}" }]
"""
REWRITTEN = """
[rule.rewritten]
every = "1m"
over  = { events = "post.reconciled", since = "last-run" }
when  = '"text" in change.fields && change.before == "scheduled"'
do    = [{ alert = "ops", title = "{{ run.count }}: {{ run.items.map(i, i.post_id) }}" }]
"""
TITLES = "select payload->>'title' from actions where rule = 'campaign' or post = 'p0' order by 1"


def failed(post: str, second: int, campaign: str = "") -> Incoming:
    target = TargetFact("x", "acme-tr", state=State.FAILED, problem=Problem("auth"))
    attributes = {"campaign": campaign} if campaign else {}
    report = Report(State.FAILED, "failed", (target,), attributes=attributes)
    at = NOON + timedelta(seconds=second)
    return reconciled(PROVIDER, post, report, at, at)


async def test_posts_of_a_campaign_are_counted_over_the_buckets_and_a_client_is_told_its_name(
    database: Database, tmp_path: Path
) -> None:
    """A post without a campaign counts for none, and a campaign is told of once, whichever node sees its posts."""
    corridor = await Corridor(database, in_force(tmp_path, RULES).index()).open()
    posts = [f"p{number}" for number in range(8)]
    assert len({bucket_of(PROVIDER, post) for post in posts}) > 1
    for number, post in enumerate(posts):
        await corridor.tell(failed(post, number, ("spring", "autumn", "")[number % 3]))
    assert await corridor.rows(TITLES) == [("3 of autumn",), ("3 of spring",), ("Acme: x failed",)]


async def test_what_the_clock_gathers_is_chosen_by_what_has_changed(database: Database, tmp_path: Path) -> None:
    """The past is worked out again for it, with what each event changed."""
    corridor = await Corridor(database, in_force(tmp_path, REWRITTEN).index()).open()
    for second, post, text in (
        (1, "p1", "one"),
        (2, "p1", "two"),
        (3, "p2", "one"),
        (4, "p1", "two"),
        (5, "p2", "two"),
    ):
        at = NOON + timedelta(seconds=second)
        corridor.at = second
        await corridor.tell(reconciled(PROVIDER, post, Report(State.SCHEDULED, "scheduled", excerpt=text), at, at))
    await corridor.wait_until(70)
    assert await corridor.rows("select payload->>'title' from actions") == [("2: p1, p2",)]
